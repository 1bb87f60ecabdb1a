#include "papilio/layers/structured_linear.h"

#include <algorithm>
#include <cmath>

namespace papilio {

StructuredLinear::StructuredLinear(const char* name, int64_t in_features, int64_t out_features,
                                   bool bias, DType dtype, Rng rng)
    : name_(name), in_features_(in_features), out_features_(out_features), dtype_(dtype) {
  check(in_features >= 1 && out_features >= 1, name, ": ", in_features, " features in and ",
        out_features, " out; both must be at least 1");
  check(dtype != DType::i64, name, ": dtype i64; expected f32, f64, c64 or c128");
  if (!bias) return;
  const double bound = 1 / std::sqrt(static_cast<double>(in_features));
  bias_ = Parameter(rand_uniform({out_features}, -bound, bound, rng.split("bias"), dtype),
                    {.weight_decay = false});
}

void StructuredLinear::check_input(const Tensor& x) const {
  check(x.rank() >= 1, name_, ": x is a scalar, the layer takes [..., ", in_features_, "]");
  check(x.dim(-1) == in_features_, name_, ": x", x.shape(), " has ", x.dim(-1),
        " features, the layer takes ", in_features_,
        "; pad x or make the layer with in_features = ", x.dim(-1));
}

Tensor StructuredLinear::finish(const Tensor& y) const {
  const Tensor sum = bias_.defined() ? add(y, bias_) : y;
  return activation_ == Activation::relu ? relu(sum) : sum;
}

Tensor StructuredLinear::forward(const Tensor& x) {
  check_input(x);
  return apply(x);
}

Tensor StructuredLinear::apply(const Tensor& x) { return finish(multiply(x)); }

std::unique_ptr<StructuredLinear> StructuredLinear::on_raw_input(const Tensor& mean,
                                                                 const Tensor& factor) {
  if (is_complex(dtype_)) return nullptr;
  const NoTape guard;
  // The frozen form of a butterfly takes numbers of about one size, as those behind factors are.
  // What fills its input up counts as 1.
  double least = 1, most = 1, shift = 0;
  dispatch_real(dtype_, name_, [&]<class T>() {
    for (int64_t i = 0; i < in_features_; ++i) {
      const double f = std::abs(static_cast<double>(factor.data<T>()[i]));
      least = std::min(least, f), most = std::max(most, f);
      shift = std::max(shift, std::abs(static_cast<double>(mean.data<T>()[i])) * f);
    }
  });
  if (shift > kLargeShift || most > kLikeSizes * least) return nullptr;
  std::unique_ptr<StructuredLinear> layer = with_scaled_input(factor);
  if (!layer) return nullptr;
  // By the scaled matrix, so that its rounding counts for x - mean alone.
  const Tensor product = layer->multiply(mean);
  layer->bias_ = Parameter(bias_.defined() ? sub(bias_, product) : scale(product, -1));
  layer->fuse(activation_);
  return layer;
}

Tensor StructuredLinear::to_dense() {
  const NoTape guard;
  const int64_t rows = in_features_, columns = out_features_;
  Tensor identity = Tensor::zeros({rows, rows}, dtype_), dense({columns, rows}, dtype_);
  dispatch_floating(dtype_, name_, [&]<class T>() {
    T* one = identity.mutable_data<T>();
    for (int64_t i = 0; i < rows; ++i) one[i * (rows + 1)] = T(1);
    const Tensor transposed = multiply(identity);
    const T* from = transposed.data<T>();
    T* to = dense.mutable_data<T>();
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) to[j * rows + i] = from[i * columns + j];
  });
  return dense;
}

int64_t StructuredLinear::matrix_parameters() {
  return parameter_count() - (bias_.defined() ? real_count(bias_.value()) : 0);
}

Cost StructuredLinear::cost(const Shape& input) const {
  const int64_t rows = input.numel() / in_features_;
  const int64_t reals = is_complex(dtype_) ? 2 : 1;
  const int64_t bias = bias_.defined() ? reals * out_features_ : 0;
  return {.flops = rows * (flops_per_row() + bias),
          .dense_parameters = reals * in_features_ * out_features_ + bias,
          .dense_flops = rows * (2 * reals * reals * in_features_ * out_features_ + bias)};
}

Config StructuredLinear::base_config() const {
  return {{"layer", name_},
          {"in", in_features_},
          {"out", out_features_},
          {"bias", bias_.defined()},
          {"dtype", text(dtype_)}};
}

std::string StructuredLinear::described(const char* type,
                                        std::initializer_list<std::string> details) const {
  std::string text = concat(type, "(", in_features_, ", ", out_features_);
  if (dtype_ != DType::f32) text += concat(", ", dtype_);
  for (const std::string& detail : details)
    if (!detail.empty()) text += ", " + detail;
  return text + (bias_.defined() ? ")" : ", no bias)");
}

}  // namespace papilio
