#include "papilio/core/kernels/conv.h"
#include "papilio/core/kernels/gemm.h"
#include "papilio/core/ops.h"
#include "papilio/core/saved.h"

namespace papilio {
namespace {

kernels::ConvShape conv_shape(const Tensor& x, const Tensor& weight, const Tensor& bias,
                              const Conv2dOptions& options) {
  check(x.rank() == 4, "conv2d: x is ", x, ", expected [batch, height, width, channels]");
  check(weight.rank() == 4, "conv2d: the weight is ", weight,
        ", expected [out, in/groups, kernel height, width]");
  check(x.dtype() == weight.dtype(), "conv2d: x ", x, " and weight ", weight,
        " have different dtypes; convert x with to()");
  const auto& [stride, padding, dilation, groups] = options;
  check(stride >= 1 && padding >= 0 && dilation >= 1 && groups >= 1, "conv2d: stride = ", stride,
        ", padding = ", padding, ", dilation = ", dilation, ", groups = ", groups,
        "; padding is at least 0, the others at least 1");
  const kernels::ConvShape s{.batch = x.dim(0),
                             .height = x.dim(1),
                             .width = x.dim(2),
                             .in = x.dim(3),
                             .out = weight.dim(0),
                             .kernel_height = weight.dim(2),
                             .kernel_width = weight.dim(3),
                             .stride = stride,
                             .padding = padding,
                             .dilation = dilation,
                             .groups = groups};
  check(s.out >= 1 && s.kernel_height >= 1 && s.kernel_width >= 1 && weight.dim(1) >= 1,
        "conv2d: the weight", weight.shape(), " has an axis of size 0");
  check(s.out % groups == 0 && s.in == weight.dim(1) * groups, "conv2d: x", x.shape(), " has ",
        s.in, " channels, the weight", weight.shape(), " with groups = ", groups, " takes ",
        weight.dim(1) * groups, " and gives ", s.out,
        "; images are [batch, height, width, channels], and groups divides both channel counts");
  check(s.out_height() >= 1 && s.out_width() >= 1, "conv2d: x", x.shape(), " with padding ",
        padding, " is smaller than the kernel ", s.kernel_height, " x ", s.kernel_width,
        " of dilation ", dilation, "; enlarge the image or the padding");
  check(!bias.defined() || (bias.shape() == Shape{s.out} && bias.dtype() == weight.dtype()),
        "conv2d: the bias is ", bias, ", expected [", s.out, "] ", weight.dtype(),
        " to fit the weight", weight.shape());
  return s;
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const Conv2dOptions& options) {
  const kernels::ConvShape s = conv_shape(x, weight, bias, options);
  Tensor y({s.batch, s.out_height(), s.out_width(), s.out}, x.dtype());
  dispatch_real(x.dtype(), "conv2d", [&]<class T>() {
    kernels::conv_forward<T>(s, x.data<T>(), weight.data<T>(),
                             bias.defined() ? bias.data<T>() : nullptr, y.mutable_data<T>());
  });
  record(
      "conv2d", y, {&x, &weight, &bias},
      [x = Saved(x), weight, s](const Tensor& dy, InputGradients& gradients) {
        dispatch_real(dy.dtype(), "conv2d", [&]<class T>() {
          if (gradients.needs(0)) {
            Tensor dx(x.shape(), dy.dtype());
            kernels::conv_backward_data<T>(s, dy.data<T>(), weight.data<T>(), dx.mutable_data<T>());
            gradients.add(0, std::move(dx));
          }
          if (gradients.needs(1)) {
            Tensor dw(weight.shape(), weight.dtype());
            kernels::conv_backward_weight<T>(s, x.get().data<T>(), dy.data<T>(),
                                             dw.mutable_data<T>());
            gradients.add(1, dw);
          }
          if (gradients.needs(2)) {
            Tensor db({s.out}, dy.dtype());
            kernels::column_sums<T>(dy.numel() / s.out, s.out, dy.data<T>(), db.mutable_data<T>());
            gradients.add(2, db);
          }
        });
      });
  return y;
}

}  // namespace papilio
