// The example of docs/writing-an-op.md: an op with its gradient, and the check of it.
#include <papilio/papilio.h>

#include <algorithm>
#include <cmath>
#include <iostream>
using namespace papilio;

template <class T>
void softplus_values(const Tensor& x, Tensor& y) {
  const T* in = x.data<T>();
  T* out = y.mutable_data<T>();
  for (int64_t i = 0; i < x.numel(); ++i)
    out[i] = std::max(in[i], T(0)) + std::log1p(std::exp(-std::abs(in[i])));
}

/// log(1 + exp(x)), element by element; real.
Tensor softplus(const Tensor& x) {
  check(x.dtype() == DType::f32 || x.dtype() == DType::f64, "softplus: x", x,
        " must be real; take real(x) or abs2(x)");
  Tensor y(x.shape(), x.dtype());
  x.dtype() == DType::f32 ? softplus_values<float>(x, y) : softplus_values<double>(x, y);
  record("softplus", y, {&x},
         [x = x.detach()](const Tensor& dy, InputGradients& dx) { dx.add(0, dy * sigmoid(x)); });
  return y;
}

int main() {
  Tensor x = randn({3, 5}, Rng(1), DType::f64);
  auto report = check_gradient([](auto inputs) { return softplus(inputs[0]); }, std::span(&x, 1));
  std::cout << report.message << '\n';
  return report.ok ? 0 : 1;
}
