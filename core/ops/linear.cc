#include "papilio/core/kernels/gemm.h"
#include "papilio/core/ops.h"
#include "papilio/core/saved.h"

namespace papilio {

using kernels::Op;

namespace {

void check_linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  check(weight.rank() == 2, "linear: the weight is ", weight, ", expected [out, in]");
  check(x.rank() >= 1, "linear: x is a scalar, expected [..., ", weight.dim(1), "]");
  check(x.dtype() == weight.dtype(), "linear: x ", x, " and weight ", weight,
        " have different dtypes; convert x with to()");
  check(x.dim(-1) == weight.dim(1), "linear: x", x.shape(), " has ", x.dim(-1),
        " features, the layer takes ", weight.dim(1), "; pad it or set in_features = ", x.dim(-1));
  check(!bias.defined() || (bias.shape() == Shape{weight.dim(0)} && bias.dtype() == weight.dtype()),
        "linear: the bias is ", bias, ", expected [", weight.dim(0), "] ", weight.dtype(),
        " to fit the weight", weight.shape());
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  check_linear(x, weight, bias);
  const int64_t rows = x.shape().leading().numel(), in = weight.dim(1), out = weight.dim(0);
  Tensor y(x.shape().with(-1, out), x.dtype());
  dispatch_floating(x.dtype(), "linear", [&]<class T>() {
    kernels::gemm<T>({.m = rows, .n = out, .k = in, .op_b = Op::transpose}, x.data<T>(),
                     weight.data<T>(), y.mutable_data<T>(),
                     bias.defined() ? bias.data<T>() : nullptr);
  });
  const Tensor* const inputs[] = {&x, &weight, &bias};
  if (!recorded(inputs)) return y;  // before the closure is made: a small layer takes less time
  record("linear", y, {&x, &weight, &bias},
         [x = Saved(x), weight, rows, in, out](const Tensor& dy, InputGradients& gradients) {
           dispatch_floating(dy.dtype(), "linear", [&]<class T>() {
             if (gradients.needs(0)) {
               Tensor dx(x.shape(), dy.dtype());
               kernels::gemm<T>({.m = rows, .n = in, .k = out, .op_b = Op::conjugate}, dy.data<T>(),
                                weight.data<T>(), dx.mutable_data<T>());
               gradients.add(0, std::move(dx));
             }
             if (gradients.needs(1)) {
               Tensor dw(weight.shape(), weight.dtype());
               kernels::gemm<T>(
                   {.m = out, .n = in, .k = rows, .op_a = Op::transpose, .op_b = Op::conjugate},
                   dy.data<T>(), x.get().data<T>(), dw.mutable_data<T>());
               gradients.add(1, dw);
             }
             if (gradients.needs(2)) {
               Tensor db({out}, dy.dtype());
               kernels::column_sums<T>(rows, out, dy.data<T>(), db.mutable_data<T>());
               gradients.add(2, db);
             }
           });
         });
  return y;
}

}  // namespace papilio
