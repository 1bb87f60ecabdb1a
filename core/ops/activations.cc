#include <cmath>
#include <numbers>

#include "papilio/core/ops.h"
#include "papilio/core/ops/elementwise.h"

namespace papilio {
namespace {

template <class F>
Tensor mapped(const char* op, const Tensor& x, F f) {
  Tensor y(x.shape(), x.dtype());
  dispatch_real(x.dtype(), op,
                [&]<class T>() { detail::map(x.data<T>(), y.mutable_data<T>(), x.numel(), f); });
  return y;
}

// gradient(dy, at) for each element, where `at` is the op's input or output.
template <class F>
Tensor chained(const Tensor& dy, const Tensor& at, F gradient) {
  Tensor dx(dy.shape(), dy.dtype());
  dispatch_real(dy.dtype(), "backward", [&]<class T>() {
    detail::map(dy.data<T>(), at.data<T>(), dx.mutable_data<T>(), dy.numel(), gradient);
  });
  return dx;
}

}  // namespace

Tensor relu(const Tensor& x) {
  Tensor y = mapped("relu", x, []<class T>(T v) { return v < 0 ? T{0} : v; });
  record("relu", y, {&x}, [y = y.detach()](const Tensor& dy, InputGradients& dx) {
    dx.add(0, chained(dy, y, []<class T>(T g, T v) { return v <= 0 ? T{0} : g; }));
  });
  return y;
}

Tensor sigmoid(const Tensor& x) {
  Tensor y = mapped("sigmoid", x, []<class T>(T v) { return 1 / (1 + std::exp(-v)); });
  record("sigmoid", y, {&x}, [y = y.detach()](const Tensor& dy, InputGradients& dx) {
    dx.add(0, chained(dy, y, []<class T>(T g, T v) { return g * v * (1 - v); }));
  });
  return y;
}

Tensor tanh(const Tensor& x) {
  Tensor y = mapped("tanh", x, []<class T>(T v) { return std::tanh(v); });
  record("tanh", y, {&x}, [y = y.detach()](const Tensor& dy, InputGradients& dx) {
    dx.add(0, chained(dy, y, []<class T>(T g, T v) { return g * (1 - v * v); }));
  });
  return y;
}

Tensor gelu(const Tensor& x) {
  // Phi, by erfc: 1 + erf would lose the digits of a far negative x.
  const auto distribution = []<class T>(T v) {
    return std::erfc(-v / std::numbers::sqrt2_v<T>) / 2;
  };
  Tensor y = mapped("gelu", x, [=]<class T>(T v) { return v * distribution(v); });
  record("gelu", y, {&x}, [x, distribution](const Tensor& dy, InputGradients& dx) {
    dx.add(0, chained(dy, x, [=]<class T>(T g, T v) {
             const T density =
                 std::exp(-v * v / 2) * std::numbers::inv_sqrtpi_v<T> / std::numbers::sqrt2_v<T>;
             return g * (distribution(v) + v * density);
           }));
  });
  return y;
}

}  // namespace papilio
