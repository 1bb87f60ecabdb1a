#include "papilio/core/ops.h"
#include "papilio/core/ops/elementwise.h"

namespace papilio {

Tensor add(const Tensor& a, const Tensor& b) {
  detail::check_operands("add", a, b);
  Tensor y(a.shape(), a.dtype());
  dispatch_floating(a.dtype(), "add", [&]<class T>() {
    detail::map_repeated(a.data<T>(), a.numel(), b.data<T>(), b.numel(), y.mutable_data<T>(),
                         [](T p, T q) { return p + q; });
  });
  record("add", y, {&a, &b}, [shape = b.shape()](const Tensor& dy, InputGradients& dx) {
    dx.add(0, dy);
    if (dx.needs(1)) dx.add(1, detail::sum_to(dy, shape));
  });
  return y;
}

Tensor sub(const Tensor& a, const Tensor& b) {
  detail::check_operands("sub", a, b);
  Tensor y(a.shape(), a.dtype());
  dispatch_floating(a.dtype(), "sub", [&]<class T>() {
    detail::map_repeated(a.data<T>(), a.numel(), b.data<T>(), b.numel(), y.mutable_data<T>(),
                         [](T p, T q) { return p - q; });
  });
  record("sub", y, {&a, &b}, [shape = b.shape()](const Tensor& dy, InputGradients& dx) {
    dx.add(0, dy);
    if (dx.needs(1)) dx.add(1, scale(detail::sum_to(dy, shape), -1));
  });
  return y;
}

}  // namespace papilio
