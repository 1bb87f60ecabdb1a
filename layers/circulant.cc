#include "papilio/layers/circulant.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "papilio/layers/twiddle.h"

namespace papilio {
namespace {

int64_t transform_size(int64_t n) {
  return std::has_single_bit(static_cast<uint64_t>(n)) ? n : butterfly_size(2 * n - 1);
}

// Entry k of the longer column stands k below the diagonal, or size - k above it. Those that are
// neither within n meet zeros of x or rows that are cut off.
Tensor extension(int64_t n, int64_t size) {
  std::vector<int64_t> index(static_cast<size_t>(size), 0);
  for (int64_t k = 0; k < n; ++k) {
    index[static_cast<size_t>(k)] = k;
    if (k > 0) index[static_cast<size_t>(size - k)] = n - k;
  }
  return Tensor::from(index, {size});
}

// The matrix is real, so it may multiply two rows at once, as the two parts of complex numbers.
Tensor paired(const Tensor& x) {
  const int64_t rows = x.dim(0), pairs = (rows + 1) / 2;
  if (rows == 1) return complex(x);
  const Tensor second = slice(x, 0, pairs, rows);
  return complex(slice(x, 0, 0, pairs), rows % 2 == 0 ? second : pad(second, 0, 0, 1));
}

Tensor parted(const Tensor& z, int64_t rows) {
  if (rows == 1) return real(z);
  const Tensor all = concat({real(z), imag(z)}, 0);
  return rows % 2 == 0 ? all : slice(all, 0, 0, rows);
}

}  // namespace

Circulant::Circulant(int64_t in_features, int64_t out_features, const CirculantOptions& options,
                     Rng rng)
    : StructuredLinear("circulant", in_features, out_features, options.bias, options.dtype, rng),
      n_(std::max(in_features, out_features)),
      size_(transform_size(n_)),
      fourier_(size_, real_of(options.dtype)),
      index_(extension(n_, size_)) {
  check(is_real(dtype_), "circulant: dtype ", dtype_, "; expected f32 or f64");
  column_ = Parameter(
      scale(randn({n_}, rng.split("column"), dtype_), 1 / std::sqrt(static_cast<double>(n_))),
      {.weight_decay = false, .structured = true});
}

Tensor Circulant::spectrum() const {
  return spectrum_.get({column_}, [this] {
    const Tensor column = n_ == size_ ? column_.value() : gather(column_, index_);
    return scale(fourier_.forward(complex(column)), std::sqrt(static_cast<double>(size_)));
  });
}

Tensor Circulant::multiply(const Tensor& x) {
  const int64_t rows = x.shape().leading().numel();
  const Tensor z = paired(reshape(x, {rows, in_features_}));
  const Tensor y = fourier_.inverse(mul(fourier_.forward(z), spectrum()), out_features_);
  return reshape(parted(y, rows), x.shape().with(-1, out_features_));
}

int64_t Circulant::flops_per_row() const { return 2 * fourier_.flops() + 6 * size_; }

}  // namespace papilio
