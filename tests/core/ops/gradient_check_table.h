// The table of gradient checks: every op that a tape can record has rows in it. A family of ops
// registers its rows in its own test file in this folder, wherever the op itself lives:
//
//   const auto product = [](auto x) { return matmul(x[0], x[1]); };
//
//   const GradientRows rows = {
//       {"matmul", "non_square", {real({3, 5}), real({5, 2})}, product},
//       {"matmul", "complex", {cplx({3, 5}), cplx({5, 2})}, product},
//   };
//
// gradient_check_test.cc runs every row and fails when an op of core/ or layers/ has none.
#pragma once

#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "papilio/core/gradient_check.h"
#include "papilio/core/ops.h"
#include "papilio/core/random.h"

namespace papilio::testing {

/// Makes one input from a key of its own.
using InputMaker = std::function<Tensor(Rng)>;

/// Standard normal entries, f64.
inline InputMaker real(const Shape& shape) {
  return [shape](Rng key) { return randn(shape, key, DType::f64); };
}
/// Standard normal entries, c128.
inline InputMaker cplx(const Shape& shape) {
  return [shape](Rng key) { return randn(shape, key, DType::c128); };
}
/// Uniform in [low, high), f64.
inline InputMaker uniform(const Shape& shape, double low, double high) {
  return [=](Rng key) { return rand_uniform(shape, low, high, key, DType::f64); };
}

struct GradientCase {
  std::string op;    ///< as given to record()
  std::string name;  ///< of the case, unique for the op; letters, digits and _
  std::vector<InputMaker> inputs;
  std::function<Tensor(std::span<const Tensor>)> f;
  GradientCheckOptions options = {};
};

/// All rows of this program.
inline std::vector<GradientCase>& gradient_cases() {
  static std::vector<GradientCase> cases;
  return cases;
}

/// Adds rows to the table; an object of namespace scope.
struct GradientRows {
  GradientRows(std::initializer_list<GradientCase> rows) {
    gradient_cases().insert(gradient_cases().end(), rows);
  }
};

}  // namespace papilio::testing
