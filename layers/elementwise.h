// Layers without members that apply one op, for Sequential.
#pragma once

#include <algorithm>
#include <string>

#include "papilio/layers/module.h"

namespace papilio {

namespace detail {
template <size_t N>
struct Literal {
  constexpr Literal(const char (&text)[N]) { std::copy_n(text, N, characters); }
  char characters[N];
};
}  // namespace detail

template <Tensor (*op)(const Tensor&), detail::Literal name>
class Elementwise : public Module {
 public:
  Tensor forward(const Tensor& x) override { return op(x); }
  std::string describe() const override { return name.characters; }
};

using Relu = Elementwise<&relu, "Relu">;
using Sigmoid = Elementwise<&sigmoid, "Sigmoid">;
using Tanh = Elementwise<&papilio::tanh, "Tanh">;
using Gelu = Elementwise<&gelu, "Gelu">;
/// Real to complex, with imaginary part 0.
using Real2Complex = Elementwise<&papilio::complex, "Real2Complex">;
/// The real part.
using Complex2Real = Elementwise<&papilio::real, "Complex2Real">;

/// [batch, ...] -> [batch, product of the others].
class Flatten : public Module {
 public:
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return "Flatten"; }
};

}  // namespace papilio
