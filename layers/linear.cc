#include "papilio/layers/linear.h"

#include "papilio/layers/dense_init.h"

namespace papilio {

Linear::Linear(int64_t in_features, int64_t out_features, const LinearOptions& options, Rng rng)
    : StructuredLinear("linear", in_features, out_features, options.bias, options.dtype, rng),
      weight_(initial_weight("linear", options.init, {out_features, in_features}, in_features,
                             options.dtype, rng.split("weight")),
              {.rows_axis = 0}) {}

Tensor Linear::apply(const Tensor& x) {
  const Tensor y = linear(x, weight_, bias_or_none());
  return activation_ == Activation::relu ? relu(y) : y;
}

Tensor Linear::multiply(const Tensor& x) { return linear(x, weight_); }

int64_t Linear::flops_per_row() const {
  return (is_complex(dtype_) ? 8 : 2) * in_features_ * out_features_;
}

}  // namespace papilio
