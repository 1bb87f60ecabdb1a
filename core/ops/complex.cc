#include <complex>

#include "papilio/core/ops.h"
#include "papilio/core/ops/elementwise.h"

namespace papilio {
namespace {

// One part of a complex tensor: 0 is the real one, 1 the imaginary one.
Tensor part(const Tensor& z, int which, const char* op) {
  Tensor y(z.shape(), real_of(z.dtype()));
  dispatch_complex(z.dtype(), op, [&]<class T>() {
    using Real = real_type<T>;
    detail::map(z.data<T>(), y.mutable_data<Real>(), z.numel(),
                [which](const T& v) { return which == 0 ? v.real() : v.imag(); });
  });
  return y;
}

// Complex numbers with the given part, the other being 0.
Tensor from_part(const Tensor& x, int which, const char* op) {
  Tensor z(x.shape(), complex_of(x.dtype()));
  dispatch_real(x.dtype(), op, [&]<class Real>() {
    using T = std::complex<Real>;
    detail::map(x.data<Real>(), z.mutable_data<T>(), x.numel(),
                [which](Real v) { return which == 0 ? T(v, 0) : T(0, v); });
  });
  return z;
}

}  // namespace

Tensor real(const Tensor& z) {
  Tensor y = part(z, 0, "real");
  record("real", y, {&z},
         [](const Tensor& dy, InputGradients& dz) { dz.add(0, from_part(dy, 0, "real")); });
  return y;
}

Tensor imag(const Tensor& z) {
  Tensor y = part(z, 1, "imag");
  record("imag", y, {&z},
         [](const Tensor& dy, InputGradients& dz) { dz.add(0, from_part(dy, 1, "imag")); });
  return y;
}

Tensor complex(const Tensor& re, const Tensor& im) {
  check(re.shape() == im.shape() && re.dtype() == im.dtype(), "complex: re ", re, " and im ", im,
        " differ; both parts need one shape and dtype");
  Tensor z(re.shape(), complex_of(re.dtype()));
  dispatch_real(re.dtype(), "complex", [&]<class Real>() {
    detail::map(re.data<Real>(), im.data<Real>(), z.mutable_data<std::complex<Real>>(), re.numel(),
                [](Real a, Real b) { return std::complex<Real>(a, b); });
  });
  record("complex", z, {&re, &im}, [](const Tensor& dz, InputGradients& dx) {
    if (dx.needs(0)) dx.add(0, part(dz, 0, "complex"));
    if (dx.needs(1)) dx.add(1, part(dz, 1, "complex"));
  });
  return z;
}

Tensor complex(const Tensor& re) {
  Tensor z = from_part(re, 0, "complex");
  record("complex", z, {&re},
         [](const Tensor& dz, InputGradients& dx) { dx.add(0, part(dz, 0, "complex")); });
  return z;
}

Tensor abs2(const Tensor& z) {
  Tensor y(z.shape(), real_of(z.dtype()));
  dispatch_floating(z.dtype(), "abs2", [&]<class T>() {
    detail::map(z.data<T>(), y.mutable_data<real_type<T>>(), z.numel(),
                [](const T& v) { return std::norm(v); });
  });
  // d|z|^2 = 2 re dre + 2 im dim, so the gradient is 2 z dy.
  record("abs2", y, {&z}, [z](const Tensor& dy, InputGradients& dz) {
    Tensor g(z.shape(), z.dtype());
    dispatch_floating(z.dtype(), "abs2", [&]<class T>() {
      using Real = real_type<T>;
      detail::map(z.data<T>(), dy.data<Real>(), g.mutable_data<T>(), z.numel(),
                  [](const T& v, Real d) { return v * (2 * d); });
    });
    dz.add(0, g);
  });
  return y;
}

}  // namespace papilio
