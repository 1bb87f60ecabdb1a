#include "papilio/layers/ldr.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "papilio/core/tape.h"

namespace papilio {
namespace {

constexpr ParameterHints kHints{.weight_decay = false, .structured = true};

Tensor value_or_none(const Parameter& p) { return p.defined() ? p.value() : Tensor(); }

Tensor as_matrix(const Tensor& krylov) {
  return reshape(krylov, {krylov.dim(0) * krylov.dim(1), krylov.dim(2)});
}

}  // namespace

Ldr::Ldr(const char* name, int64_t in_features, int64_t out_features, const LdrOptions& options,
         bool tridiagonal, Rng rng)
    : StructuredLinear(name, in_features, out_features, options.bias, options.dtype, rng),
      rank_(options.rank),
      steps_(std::min(in_features, out_features)) {
  check(is_real(dtype_), name, ": dtype ", dtype_, "; expected f32 or f64");
  check(rank_ >= 1, name, ": rank = ", rank_, "; at least 1 is needed");
  const auto generator = [&](const char* which, int64_t features) {
    const double deviation = 1 / std::sqrt(static_cast<double>(rank_ * features));
    return Parameter(scale(randn({rank_, features}, rng.split(which), dtype_), deviation), kHints);
  };
  a_ = initial_bands(out_features, tridiagonal), b_ = initial_bands(in_features, tridiagonal);
  left_ = generator("left", out_features), right_ = generator("right", in_features);
}

Ldr::Bands Ldr::initial_bands(int64_t n, bool tridiagonal) const {
  Bands bands;
  if (n > 1) bands.lower = Parameter(Tensor::full({n - 1}, 1, dtype_), kHints);
  if (!tridiagonal) return bands;
  bands.diagonal = Parameter(Tensor::zeros({n}, dtype_), kHints);
  if (n > 1) bands.upper = Parameter(Tensor::zeros({n - 1}, dtype_), kHints);
  return bands;
}

void Ldr::fields(Fields& f) {
  f("a_lower", a_.lower), f("a_diagonal", a_.diagonal), f("a_upper", a_.upper);
  f("b_lower", b_.lower), f("b_diagonal", b_.diagonal), f("b_upper", b_.upper);
  f("left", left_), f("right", right_), f("bias", bias_);
}

Tensor Ldr::left_krylov() const {
  return as_matrix(krylov(left_, steps_, value_or_none(a_.lower), value_or_none(a_.diagonal),
                          value_or_none(a_.upper)));
}

Tensor Ldr::right_krylov() const {  // of B transposed
  return as_matrix(krylov(right_, steps_, value_or_none(b_.upper), value_or_none(b_.diagonal),
                          value_or_none(b_.lower)));
}

Tensor Ldr::multiply(const Tensor& x) {
  const Tensor sources[] = {value_or_none(a_.lower),
                            value_or_none(a_.diagonal),
                            value_or_none(a_.upper),
                            value_or_none(b_.lower),
                            value_or_none(b_.diagonal),
                            value_or_none(b_.upper),
                            left_.value(),
                            right_.value()};
  const bool trains = std::any_of(std::begin(sources), std::end(sources), [](const Tensor& t) {
    const Tensor* source = &t;
    return recorded({&source, 1});
  });
  if (trains) {
    const int64_t rows = x.shape().leading().numel();
    const Tensor y =
        matmul(linear(reshape(x, {rows, in_features_}), right_krylov()), left_krylov());
    return reshape(y, x.shape().with(-1, out_features_));
  }
  return linear(
      x, dense_.get(sources, [this] { return matmul(transpose(left_krylov()), right_krylov()); }));
}

Config Ldr::config() const {
  Config config = base_config();
  config["rank"] = rank_;
  return config;
}

}  // namespace papilio
