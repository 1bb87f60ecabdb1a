#include <algorithm>
#include <type_traits>

#include "papilio/core/kept.h"
#include "papilio/core/kernels/conv.h"
#include "papilio/core/kernels/gemm.h"
#include "papilio/core/ops.h"
#include "papilio/core/ops/conv_shape.h"
#include "papilio/core/ops/normalised.h"
#include "papilio/core/saved.h"

namespace papilio {
namespace detail {

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

}  // namespace detail

namespace {

using detail::conv_shape;

void check_fusion(const Tensor& x, const Tensor& weight, const Conv2dFusion& fused,
                  const Shape& result) {
  const Tensor* inputs[] = {&x, &weight, &fused.bias, &fused.residual};
  check(!recorded(inputs),
        "conv2d_fused: a tape here wants the gradient of an input, and the op is for inference; "
        "use conv2d(), batch_norm() and relu(), or a NoTape");
  check(!fused.residual.defined() ||
            (fused.residual.shape() == result && fused.residual.dtype() == x.dtype()),
        "conv2d_fused: the residual is ", fused.residual, ", expected ", result, " ", x.dtype(),
        ", as the result");
  if (!fused.order.defined()) return;
  check(fused.order.shape() == Shape{x.dim(-1)}, "conv2d_fused: the order is ", fused.order,
        ", expected i64 [", x.dim(-1), "], the channels of x", x.shape());
  const auto places = fused.order.span<int64_t>();
  const bool inside =
      std::ranges::all_of(places, [&](int64_t place) { return 0 <= place && place < x.dim(-1); });
  check(inside, "conv2d_fused: the order has numbers outside of 0 .. ", x.dim(-1) - 1,
        ", the channels of x", x.shape());
}

/// What conv_pack() makes of the weight, kept with it.
std::shared_ptr<const Buffer> packed_weight(const kernels::ConvShape& s, const Tensor& weight,
                                            const kernels::ConvFusion<float>& fused) {
  const auto [kernel, groups, order] = kernels::conv_packing(s, fused);
  return *kept_with<std::shared_ptr<const Buffer>>(weight, {kernel, groups, order}, [&] {
    return std::make_shared<const std::shared_ptr<const Buffer>>(
        kernels::conv_pack(s, weight.data<float>(), fused));
  });
}

template <class T>
Tensor convolved(const kernels::ConvShape& s, const Tensor& x, const Tensor& weight,
                 const kernels::ConvFusion<T>& fused, bool keep) {
  Tensor y({s.batch, s.out_height(), s.out_width(), s.out}, x.dtype());
  std::shared_ptr<const Buffer> packed;
  if constexpr (std::is_same_v<T, float>)
    if (keep) packed = packed_weight(s, weight, fused);
  kernels::conv_forward<T>(s, x.data<T>(), weight.data<T>(), fused, y.mutable_data<T>(),
                           packed.get());
  return y;
}

template <class T>
const T* data_or_null(const Tensor& t) {
  return t.defined() ? t.data<T>() : nullptr;
}

/// The gradient of input 0: added to what other ops gave, where the kernel can.
template <class T>
class InputGradient {
 public:
  InputGradient(const kernels::ConvShape& s, const Shape& shape, InputGradients& gradients)
      : gradients_(gradients) {
    if (std::is_same_v<T, float> && kernels::conv_adds(s)) term_ = gradients.take(0);
    sum_ = term_.defined() ? InputGradients::in_place_of(term_)
                           : Tensor(shape, std::is_same_v<T, float> ? DType::f32 : DType::f64);
  }
  const T* term() const { return data_or_null<T>(term_); }
  T* data() { return sum_.mutable_data<T>(); }
  void give() {
    term_ = {};
    gradients_.add(0, std::move(sum_));
  }

 private:
  InputGradients& gradients_;
  Tensor term_, sum_;
};

template <class T>
void add_input_gradient(const kernels::ConvShape& s, const Saved& x, const Tensor& weight,
                        const Tensor& dy, InputGradients& gradients) {
  InputGradient<T> of_x(s, x.shape(), gradients);
  kernels::conv_backward_data<T>(s, dy.data<T>(), weight.data<T>(), of_x.data(), of_x.term());
  of_x.give();
}

template <class T>
void add_weight_gradient(const kernels::ConvShape& s, const Saved& x, const Tensor& weight,
                         const Tensor& dy, InputGradients& gradients) {
  Tensor dw(weight.shape(), weight.dtype());
  kernels::conv_backward_weight<T>(s, x.get().data<T>(), dy.data<T>(), dw.mutable_data<T>());
  gradients.add(1, std::move(dw));
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const Conv2dOptions& options) {
  const kernels::ConvShape s = conv_shape(x, weight, bias, options);
  const Tensor* inputs[] = {&x, &weight, &bias};
  const bool keep = !recorded(inputs);  // a trained weight is written before its next use
  Tensor y = dispatch_real(x.dtype(), "conv2d", [&]<class T>() {
    return convolved<T>(s, x, weight, {.bias = data_or_null<T>(bias)}, keep);
  });
  record("conv2d", y, {&x, &weight, &bias},
         [x = Saved(x), weight, s](const Tensor& dy, InputGradients& gradients) {
           dispatch_real(dy.dtype(), "conv2d", [&]<class T>() {
             if (gradients.needs(0)) add_input_gradient<T>(s, x, weight, dy, gradients);
             if (gradients.needs(1)) add_weight_gradient<T>(s, x, weight, dy, gradients);
             if (gradients.needs(2)) {
               Tensor db({s.out}, dy.dtype());
               kernels::column_sums<T>(dy.numel() / s.out, s.out, dy.data<T>(),
                                       db.mutable_data<T>());
               gradients.add(2, db);
             }
           });
         });
  return y;
}

namespace {

/// What conv2d_batch_norm() keeps for its backward function.
struct ConvNormed {
  kernels::ConvShape shape;
  Saved x;
  Tensor weight;
  detail::Normalised norm;
};

template <class T>
void backward(const ConvNormed& n, const Tensor& dy, InputGradients& gradients) {
  const kernels::ConvShape& s = n.shape;
  const int64_t pixels = dy.numel() / s.out;
  const bool of_x = gradients.needs(0), of_weight = gradients.needs(1),
             of_residual = gradients.needs(4),
             in_pieces = std::is_same_v<T, float> && of_x && of_weight &&
                         kernels::conv_backward_in_pieces(s),
             whole = (of_x || of_weight) && !in_pieces;
  const bool gated = n.norm.y.defined();
  const Tensor place =
      gated || (whole && !of_residual) ? InputGradients::in_place_of(dy) : Tensor();
  const detail::NormGradient<T> norm(n.norm, dy,
                                     {.x = of_x || of_weight,
                                      .parameters = gradients.needs(2) || gradients.needs(3),
                                      .residual = of_residual},
                                     place);
  if (in_pieces) {
    if constexpr (std::is_same_v<T, float>) {
      Tensor dw(n.weight.shape(), n.weight.dtype());
      InputGradient<T> input(s, n.x.shape(), gradients);
      kernels::conv_backward(
          s, n.x.get().data<T>(), n.weight.data<T>(),
          [&](int64_t first, int64_t count, float* to) { norm.x(first, count, to); }, input.data(),
          input.term(), dw.mutable_data<T>());
      input.give();
      gradients.add(1, std::move(dw));
    }
  }
  if (whole) {
    Tensor dz = of_residual ? Tensor(dy.shape(), dy.dtype()) : place;
    norm.x(0, pixels, dz.mutable_data<T>());
    if (of_x) add_input_gradient<T>(s, n.x, n.weight, dz, gradients);
    if (of_weight) add_weight_gradient<T>(s, n.x, n.weight, dz, gradients);
  }
  gradients.add(2, norm.gamma());
  gradients.add(3, norm.beta());
  if (of_residual) gradients.add(4, norm.residual());
}

}  // namespace

Tensor conv2d_batch_norm(const Tensor& x, const Tensor& weight, const Conv2dOptions& options,
                         const Tensor& gamma, const Tensor& beta, double epsilon,
                         BatchStatistics* statistics, Activation activation,
                         const Tensor& residual) {
  const kernels::ConvShape s = conv_shape(x, weight, {}, options);
  const detail::NormEnd end{.activation = activation, .residual = residual};
  const Tensor z({s.batch, s.out_height(), s.out_width(), s.out}, x.dtype());
  detail::check_batch_norm(z, gamma, beta, epsilon, end);
  const BatchStatistics own{.mean = Tensor({s.out}, x.dtype()),
                            .variance = Tensor({s.out}, x.dtype())};
  dispatch_real(x.dtype(), "conv2d_batch_norm", [&]<class T>() {
    Tensor y = z, mean = own.mean, variance = own.variance;
    kernels::conv_forward_statistics<T>(s, x.data<T>(), weight.data<T>(), y.mutable_data<T>(),
                                        mean.mutable_data<T>(), variance.mutable_data<T>());
  });
  auto [y, norm] = detail::normalise(z, gamma, beta, epsilon, own, true, end);
  record("conv2d_batch_norm", y, {&x, &weight, &gamma, &beta, &residual},
         [n = ConvNormed{s, x, weight, norm}](const Tensor& dy, InputGradients& gradients) {
           dispatch_real(dy.dtype(), "conv2d_batch_norm",
                         [&]<class T>() { backward<T>(n, dy, gradients); });
         });
  if (statistics) *statistics = own;
  return y;
}

Tensor conv2d_fused(const Tensor& x, const Tensor& weight, const Conv2dFusion& fused,
                    const Conv2dOptions& options) {
  const kernels::ConvShape s = conv_shape(x, weight, fused.bias, options);
  check_fusion(x, weight, fused, {s.batch, s.out_height(), s.out_width(), s.out});
  return dispatch_real(x.dtype(), "conv2d_fused", [&]<class T>() {
    const bool in_order = !fused.order.defined(),
               in_kernel = std::is_same_v<T, float> && !in_order && kernels::conv_takes_order(s);
    return convolved<T>(s, in_order || in_kernel ? x : gather(x, fused.order), weight,
                        {.bias = data_or_null<T>(fused.bias),
                         .residual = data_or_null<T>(fused.residual),
                         .relu = fused.activation == Activation::relu,
                         .order = in_kernel ? fused.order.data<int64_t>() : nullptr},
                        true);
  });
}

}  // namespace papilio
