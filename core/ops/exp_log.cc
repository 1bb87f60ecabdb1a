#include <cmath>

#include "papilio/core/ops.h"
#include "papilio/core/ops/elementwise.h"

namespace papilio {

Tensor exp(const Tensor& x) {
  Tensor y(x.shape(), x.dtype());
  dispatch_floating(x.dtype(), "exp", [&]<class T>() {
    detail::map(x.data<T>(), y.mutable_data<T>(), x.numel(), [](T v) { return std::exp(v); });
  });
  record("exp", y, {&x}, [y = y.detach()](const Tensor& dy, InputGradients& dx) {
    Tensor g(dy.shape(), dy.dtype());
    dispatch_floating(dy.dtype(), "exp", [&]<class T>() {
      detail::map(dy.data<T>(), y.data<T>(), g.mutable_data<T>(), dy.numel(),
                  [](T a, T e) { return a * conjugate(e); });
    });
    dx.add(0, g);
  });
  return y;
}

Tensor log(const Tensor& x) {
  Tensor y(x.shape(), x.dtype());
  dispatch_floating(x.dtype(), "log", [&]<class T>() {
    detail::map(x.data<T>(), y.mutable_data<T>(), x.numel(), [](T v) { return std::log(v); });
  });
  record("log", y, {&x}, [x](const Tensor& dy, InputGradients& dx) {
    Tensor g(dy.shape(), dy.dtype());
    dispatch_floating(dy.dtype(), "log", [&]<class T>() {
      detail::map(dy.data<T>(), x.data<T>(), g.mutable_data<T>(), dy.numel(),
                  [](T a, T v) { return a / conjugate(v); });
    });
    dx.add(0, g);
  });
  return y;
}

}  // namespace papilio
