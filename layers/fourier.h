// Fourier: the discrete Fourier transform as butterflies, for the layers that convolve. Internal to
// layers/.
#pragma once

#include <cstdint>

#include "papilio/core/tensor.h"

namespace papilio {

/// The unitary transform of n numbers, n a power of two, and its inverse. Spectra stay in
/// bit-reversed order, which products entry by entry don't mind, so nothing is permuted. The
/// circular convolution of a and b is sqrt(n) inverse(forward(a) * forward(b)).
class Fourier {
 public:
  /// `real` is the dtype of the numbers' parts: f32 or f64.
  Fourier(int64_t n, DType real);

  /// z [..., up to n], complex, padded with zeros -> [..., n].
  Tensor forward(const Tensor& z) const;
  /// spectrum [..., n] -> [..., count], the first of the n numbers.
  Tensor inverse(const Tensor& spectrum, int64_t count) const;
  /// Flops of one transform.
  int64_t flops() const;

 private:
  int64_t n_;
  Tensor forward_, inverse_;  // twiddles; constants
};

}  // namespace papilio
