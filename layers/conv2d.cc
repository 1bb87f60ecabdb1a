#include "papilio/layers/conv2d.h"

#include "papilio/layers/dense_init.h"
#include "papilio/layers/norm.h"

namespace papilio {

Conv2d::Conv2d(int64_t in_channels, int64_t out_channels, int64_t kernel,
               const Conv2dLayerOptions& options, Rng rng)
    : in_(in_channels),
      out_(out_channels),
      kernel_(kernel),
      options_{.stride = options.stride,
               .padding = options.padding,
               .dilation = options.dilation,
               .groups = options.groups} {
  check(in_ >= 1 && out_ >= 1 && kernel_ >= 1, "conv2d: ", in_, " channels in, ", out_,
        " out, kernel ", kernel_, "; all must be at least 1");
  check(options.stride >= 1 && options.padding >= 0 && options.dilation >= 1, "conv2d: stride ",
        options.stride, ", padding ", options.padding, ", dilation ", options.dilation,
        "; at least 1, 0 and 1 are needed");
  check(options.groups >= 1 && in_ % options.groups == 0 && out_ % options.groups == 0,
        "conv2d: ", options.groups, " groups don't divide ", in_, " channels in and ", out_,
        " out");
  check(is_real(options.dtype), "conv2d: dtype ", options.dtype, "; expected f32 or f64");
  const int64_t fan_in = in_ / options.groups * kernel_ * kernel_;
  weight_ = Parameter(
      initial_weight("conv2d", options.init, {out_, in_ / options.groups, kernel_, kernel_}, fan_in,
                     options.dtype, rng.split("weight")),
      {.rows_axis = 0});
  if (options.bias)
    bias_ = Parameter(
        initial_weight("conv2d", "uniform", {out_}, fan_in, options.dtype, rng.split("bias")),
        {.weight_decay = false});
}

void Conv2d::check_input(const Tensor& x) const {
  check(x.rank() == 4, "conv2d: x", x.shape(),
        " is no batch of images; expected [batch, height, width, ", in_, "]");
  check(x.dim(-1) == in_, "conv2d: x", x.shape(), " has ", x.dim(-1), " channels, the layer takes ",
        in_, "; images are channels-last, [batch, height, width, channels]");
}

Tensor Conv2d::forward(const Tensor& x) {
  check_input(x);
  return conv2d(x, weight_, bias_.defined() ? bias_.value() : Tensor(), options_);
}

Tensor Conv2d::forward(const Tensor& x, const Tensor& weight, const Conv2dFusion& fused) {
  check_input(x);
  return conv2d_fused(x, weight, fused, options_);
}

Tensor Conv2d::forward(const Tensor& x, BatchNorm2d& norm, const Tensor& residual) {
  check_input(x);
  check(!bias_.defined(), "conv2d: a bias before a batch norm is for the two layers one by one");
  return norm.after_conv(x, weight_, options_, residual);
}

std::string Conv2d::describe() const {
  std::string details;
  if (options_.stride != 1) details += concat(", stride = ", options_.stride);
  if (options_.padding != 0) details += concat(", padding = ", options_.padding);
  if (options_.dilation != 1) details += concat(", dilation = ", options_.dilation);
  if (options_.groups != 1) details += concat(", groups = ", options_.groups);
  return concat("Conv2d(", in_, ", ", out_, ", ", kernel_, details,
                bias_.defined() ? "" : ", no bias", ")");
}

Cost Conv2d::cost(const Shape& input) const {
  const auto size = [this](int64_t length) {
    return (length + 2 * options_.padding - options_.dilation * (kernel_ - 1) - 1) /
               options_.stride +
           1;
  };
  const int64_t outputs = input[0] * size(input[1]) * size(input[2]) * out_;
  return {.flops = outputs * (2 * weight_.value().numel() / out_ + (bias_.defined() ? 1 : 0))};
}

}  // namespace papilio
