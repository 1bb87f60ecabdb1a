#include "papilio/layers/conv_norm.h"

namespace papilio {
namespace {

/// Where gather(x, order) puts channel i of x.
Tensor inverse(const Tensor& order) {
  Tensor result(order.shape(), DType::i64);
  int64_t* to = result.mutable_data<int64_t>();
  for (int64_t i = 0; i < order.numel(); ++i) to[order.data<int64_t>()[i]] = i;
  return result;
}

/// both(x, residual) is norm(conv(x), residual).
template <class Both>
Tensor reordered(const ConvNormInputs& in, Tensor x, const Both& both) {
  if (in.order.defined()) x = gather(x, in.order);
  if (!in.places.defined()) return both(x, in.residual);
  const Tensor back = inverse(in.places),
               residual = in.residual.defined() ? gather(in.residual, back) : Tensor();
  return gather(both(gather(x, back), residual), in.places);
}

/// Whether the norm is part of the convolution by this weight and bias here.
bool folds(const Tensor& weight, const Parameter& bias, const BatchNorm2d& norm, const Tensor& x,
           const ConvNormInputs& in) {
  const Tensor* inputs[] = {&x, &in.residual};
  return norm.constant() && !CallObserver::watching() && !recorded(inputs) &&
         !norm.wants_gradient(weight, bias);
}

/// Whether the statistics are those of the batch, and nobody watches the layers.
bool one_op(const BatchNorm2d& norm) { return !norm.constant() && !CallObserver::watching(); }

Conv2dFusion fusion(const BatchNorm2d& norm, const Tensor& bias, const ConvNormInputs& in) {
  return {
      .bias = bias, .residual = in.residual, .activation = norm.activation(), .order = in.order};
}

}  // namespace

Tensor conv_norm(Conv2d& conv, BatchNorm2d& norm, const Tensor& x, const ConvNormInputs& in) {
  if (in.places.defined() && !conv.depthwise())
    fail("conv_norm: places are for depthwise convolutions, which ", conv.describe(), " is not");
  if (!folds(conv.weight(), conv.bias(), norm, x, in))
    return reordered(in, x, [&](const Tensor& from, const Tensor& residual) {
      return one_op(norm) && !conv.bias().defined() ? conv(from, norm, residual)
                                                    : norm(conv(from), residual);
    });
  const BatchNorm2d::Folded folded = norm.folded(conv.weight(), conv.bias(), in.places);
  return conv(x, folded.weight, fusion(norm, folded.bias, in));
}

Tensor conv_norm(const Tensor& weight, const Conv2dOptions& options, BatchNorm2d& norm,
                 const Tensor& x, const ConvNormInputs& in) {
  check(!in.places.defined(), "conv_norm: places are for depthwise convolutions of a Conv2d");
  if (!folds(weight, {}, norm, x, in))
    return reordered(in, x, [&](const Tensor& from, const Tensor& residual) {
      return one_op(norm) ? norm.after_conv(from, weight, options, residual)
                          : norm(conv2d(from, weight, {}, options), residual);
    });
  const BatchNorm2d::Folded folded = norm.folded(weight, {});
  return conv2d_fused(x, folded.weight, fusion(norm, folded.bias, in), options);
}

Tensor conv_norm_twice(Conv2d& first, BatchNorm2d& first_norm, Conv2d& second,
                       BatchNorm2d& second_norm, const Tensor& x, const Tensor& residual) {
  const Shape& weight = second.weight().value().shape();
  const int64_t groups = second.options().groups;
  // shufflenet_bench --benchmark_filter=end: 0.4 to 1.05 of the time behind 3 to 24 channels in a
  // group; behind 48 it takes longer, for the covariances.
  constexpr int64_t kMostInputs = 40;
  const bool pays = weight[1] <= kMostInputs && 2 * weight[1] * groups <= weight[0];
  if (pays && second.pointwise() && !second.bias().defined() && one_op(first_norm) &&
      one_op(second_norm) && first_norm.activation() == Activation::none)
    return BatchNorm2d::around_conv(first_norm, first(x), second.weight(), groups, second_norm,
                                    residual);
  return conv_norm(second, second_norm, conv_norm(first, first_norm, x), {.residual = residual});
}

}  // namespace papilio
