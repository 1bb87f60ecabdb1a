#include "papilio/core/kernels/norm.h"
#include "papilio/core/ops.h"

namespace papilio {

Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon) {
  check(x.rank() >= 1 && x.dim(-1) >= 1, "layer_norm: x is ", x,
        ", expected [..., features] with features >= 1");
  for (const Tensor* t : {&gamma, &beta})
    check(t->shape() == Shape{x.dim(-1)} && t->dtype() == x.dtype(),
          "layer_norm: ", t == &gamma ? "gamma" : "beta", " is ", *t, ", expected [", x.dim(-1),
          "] ", x.dtype(), " to fit x ", x);
  check(epsilon >= 0, "layer_norm: epsilon = ", epsilon, ", expected a number >= 0");
  const int64_t features = x.dim(-1), rows = x.numel() / features;
  Tensor y(x.shape(), x.dtype()), mean({rows}, x.dtype()), inverse({rows}, x.dtype());
  dispatch_real(x.dtype(), "layer_norm", [&]<class T>() {
    kernels::layer_norm<T>(rows, features, epsilon, x.data<T>(), gamma.data<T>(), beta.data<T>(),
                           y.mutable_data<T>(), mean.mutable_data<T>(), inverse.mutable_data<T>());
  });
  record("layer_norm", y, {&x, &gamma, &beta},
         [x, gamma, mean, inverse, rows, features](const Tensor& dy, InputGradients& gradients) {
           Tensor dx = gradients.needs(0) ? Tensor(x.shape(), x.dtype()) : Tensor();
           Tensor dgamma({features}, x.dtype()), dbeta({features}, x.dtype());
           dispatch_real(x.dtype(), "layer_norm", [&]<class T>() {
             kernels::layer_norm_backward<T>(rows, features, x.data<T>(), gamma.data<T>(),
                                             mean.data<T>(), inverse.data<T>(), dy.data<T>(),
                                             dx.defined() ? dx.mutable_data<T>() : nullptr,
                                             dgamma.mutable_data<T>(), dbeta.mutable_data<T>());
           });
           if (dx.defined()) gradients.add(0, dx);
           gradients.add(1, dgamma);
           gradients.add(2, dbeta);
         });
  return y;
}

}  // namespace papilio
