#include "papilio/layers/fourier.h"

#include "papilio/core/ops.h"
#include "papilio/layers/twiddle.h"

namespace papilio {

Fourier::Fourier(int64_t n, DType real)
    : n_(n),
      forward_(initial_twiddle("fft", 1, 1, n, false, false, complex_of(real), Rng(0))),
      inverse_(initial_twiddle("ifft", 1, 1, n, false, true, complex_of(real), Rng(0))) {}

Tensor Fourier::forward(const Tensor& z) const {
  return butterfly_multiply(z, forward_, n_, false);
}

Tensor Fourier::inverse(const Tensor& spectrum, int64_t count) const {
  return butterfly_multiply(spectrum, inverse_, n_, true, count);
}

int64_t Fourier::flops() const { return block_flops(n_, forward_.dtype()); }

}  // namespace papilio
