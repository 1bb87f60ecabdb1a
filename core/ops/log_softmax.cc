#include "papilio/core/kernels/softmax.h"
#include "papilio/core/ops.h"

namespace papilio {

Tensor log_softmax(const Tensor& x) {
  check(x.rank() >= 1 && x.dim(-1) >= 1, "log_softmax: x is ", x,
        ", expected [..., classes] with classes >= 1");
  const int64_t rows = x.shape().leading().numel(), classes = x.dim(-1);
  Tensor y(x.shape(), x.dtype());
  dispatch_real(x.dtype(), "log_softmax", [&]<class T>() {
    kernels::log_softmax<T>(rows, classes, x.data<T>(), y.mutable_data<T>());
  });
  record("log_softmax", y, {&x},
         [y = y.detach(), rows, classes](const Tensor& dy, InputGradients& gradients) {
           Tensor dx(y.shape(), y.dtype());
           dispatch_real(y.dtype(), "log_softmax", [&]<class T>() {
             kernels::log_softmax_backward<T>(rows, classes, y.data<T>(), dy.data<T>(),
                                              dx.mutable_data<T>());
           });
           gradients.add(0, dx);
         });
  return y;
}

}  // namespace papilio
