#include "papilio/core/ops.h"
#include "papilio/core/ops/elementwise.h"

namespace papilio {
namespace {

// std::complex's own product looks for infinities in each one, which costs its vectorisation.
template <class T>
T product(T p, T q) {
  if constexpr (is_complex_type<T>)
    return {p.real() * q.real() - p.imag() * q.imag(), p.real() * q.imag() + p.imag() * q.real()};
  else
    return p * q;
}

// dy * conj(b), as a tensor of the shape of dy; b may be repeated.
Tensor times_conjugate(const Tensor& dy, const Tensor& b) {
  Tensor result(dy.shape(), dy.dtype());
  dispatch_floating(dy.dtype(), "mul", [&]<class T>() {
    detail::map_repeated(dy.data<T>(), dy.numel(), b.data<T>(), b.numel(), result.mutable_data<T>(),
                         [](T p, T q) { return product(p, conjugate(q)); });
  });
  return result;
}

}  // namespace

Tensor mul(const Tensor& a, const Tensor& b) {
  detail::check_operands("mul", a, b);
  Tensor y(a.shape(), a.dtype());
  dispatch_floating(a.dtype(), "mul", [&]<class T>() {
    detail::map_repeated(a.data<T>(), a.numel(), b.data<T>(), b.numel(), y.mutable_data<T>(),
                         [](T p, T q) { return product(p, q); });
  });
  record("mul", y, {&a, &b}, [a, b](const Tensor& dy, InputGradients& dx) {
    if (dx.needs(0)) dx.add(0, times_conjugate(dy, b));
    if (dx.needs(1)) dx.add(1, detail::sum_to(times_conjugate(dy, a), b.shape()));
  });
  return y;
}

Tensor scale(const Tensor& x, double factor) {
  Tensor y(x.shape(), x.dtype());
  dispatch_floating(x.dtype(), "scale", [&]<class T>() {
    detail::map(x.data<T>(), y.mutable_data<T>(), x.numel(),
                [real_factor = static_cast<real_type<T>>(factor)](T v) { return v * real_factor; });
  });
  record("scale", y, {&x},
         [factor](const Tensor& dy, InputGradients& dx) { dx.add(0, scale(dy, factor)); });
  return y;
}

}  // namespace papilio
