#include "papilio/layers/fastfood.h"

#include <algorithm>
#include <cmath>

#include "papilio/layers/twiddle.h"

namespace papilio {
namespace {

Tensor hadamard_twiddle(int64_t n, DType dtype) {
  Tensor twiddle = Tensor::full(twiddle_shape(1, 1, n, false), std::sqrt(0.5), dtype);
  dispatch_real(dtype, "fastfood", [&]<class T>() {
    T* values = twiddle.mutable_data<T>();
    for (int64_t i = 3; i < twiddle.numel(); i += 4) values[i] = -values[i];
  });
  return twiddle;
}

template <class Function>
Tensor filled(int64_t size, DType dtype, const Function& value) {
  Tensor result({size}, dtype);
  dispatch_real(dtype, "fastfood", [&]<class T>() {
    for (int64_t i = 0; i < size; ++i)
      result.mutable_data<T>()[i] = static_cast<T>(value(static_cast<uint64_t>(i)));
  });
  return result;
}

double sum_of_squared_normals(int64_t count, Rng rng) {
  double total = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double z = rng.normal(static_cast<uint64_t>(i));
    total += z * z;
  }
  return total;
}

}  // namespace

Fastfood::Fastfood(int64_t in_features, int64_t out_features, const FastfoodOptions& options,
                   Rng rng)
    : StructuredLinear("fastfood", in_features, out_features, options.bias, options.dtype, rng),
      n_(butterfly_size(std::max(in_features, out_features))) {
  check(is_real(dtype_), "fastfood: dtype ", dtype_, "; expected f32 or f64");
  hadamard_ = hadamard_twiddle(n_, dtype_);
  permutation_ = Tensor::from(rng.split("permutation").permutation(n_), {n_});
  const ParameterHints hints{.weight_decay = false, .structured = true};
  const Rng signs = rng.split("signs"), normals = rng.split("normals"), chi = rng.split("chi");
  input_ = Parameter(
      filled(in_features, dtype_, [&](uint64_t i) { return signs.uniform(i) < 0.5 ? -1 : 1; }),
      hints);
  middle_ = Parameter(filled(n_, dtype_, [&](uint64_t i) { return normals.normal(i); }), hints);
  const double norm = std::sqrt(sum_of_squared_normals(n_, normals));
  output_ = Parameter(filled(out_features, dtype_,
                             [&](uint64_t i) {
                               return std::sqrt(sum_of_squared_normals(n_, chi.split(i))) / norm;
                             }),
                      hints);
}

Tensor Fastfood::multiply(const Tensor& x) {
  const Tensor mixed = butterfly_multiply(mul(x, input_), hadamard_, n_);
  const Tensor middle = mul(gather(mixed, permutation_), middle_);
  return mul(butterfly_multiply(middle, hadamard_, n_, true, out_features_), output_);
}

int64_t Fastfood::flops_per_row() const {
  return 2 * block_flops(n_, dtype_) + in_features_ + n_ + out_features_;
}

}  // namespace papilio
