#include "papilio/core/threads.h"
#include "papilio/tests/core/ops/gradient_check_table.h"
#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio::testing {
namespace {

const GradientRows rows = {
    {"dropout", "half", {real({3, 7})}, [](auto x) { return dropout(x[0], 0.5, Rng(1)); }},
    {"dropout", "none", {real({7})}, [](auto x) { return dropout(x[0], 0, Rng(1)); }},
    {"dropout", "complex", {cplx({3, 7})}, [](auto x) { return dropout(x[0], 0.3, Rng(2)); }},
};

}  // namespace
}  // namespace papilio::testing

namespace papilio {
namespace {

// Each element is 0 or x / (1 - p), independently; with n = 100,000 the count of zeros is within
// 5 standard deviations of p n.
TEST(Dropout, ZeroesTheGivenShareAndScalesTheRest) {
  constexpr int64_t kCount = 100000;
  for (const double p : {0.1, 0.5, 0.9}) {
    const auto y = dropout(Tensor::full({kCount}, 3, DType::f64), p, Rng(7)).to_vector<double>();
    int64_t zeros = 0;
    for (const double v : y) {
      zeros += v == 0;
      if (v != 0) {
        ASSERT_NEAR(v, 3 / (1 - p), 1e-12);
      }
    }
    const double n = static_cast<double>(kCount);
    EXPECT_NEAR(static_cast<double>(zeros), p * n, 5 * std::sqrt(p * (1 - p) * n)) << p;
  }
}

TEST(Dropout, TheMaskIsAFunctionOfTheKeyAlone) {
  const int before = threads();
  const auto mask = [](Rng key, DType dtype, int count) {
    set_threads(count);
    return numbers(papilio::abs2(dropout(Tensor::full({60000}, 1, dtype), 0.5, key)));
  };
  const auto first = mask(Rng(1), DType::f32, 1);
  for (const DType dtype : {DType::f32, DType::f64, DType::c64})
    EXPECT_EQ(mask(Rng(1), dtype, 3), first) << text(dtype);
  EXPECT_NE(mask(Rng(2), DType::f32, 1), first);
  set_threads(before);
}

TEST(Dropout, TheGradientHasTheSameMask) {
  const Tensor ones = Tensor::full({50}, 1, DType::f64);
  const Derivatives d = differentiate([](const auto& x) { return dropout(x[0], 0.4, Rng(3)); },
                                      {ones}, [&](const Tensor&) { return ones; });
  EXPECT_EQ(numbers(d.gradients[0]), numbers(d.output));
}

TEST(Dropout, ProbabilityZeroChangesNothing) {
  const Tensor x = fill({37}, 7, 3, 11);
  EXPECT_EQ(numbers(dropout(x, 0, Rng(1))), numbers(x));
}

TEST(Dropout, ErrorsNameProbabilityAndRule) {
  for (const double p : {1.0, -0.1, std::nan("")})
    expect_error([p] { dropout(Tensor({2}), p, Rng(1)); }, {"dropout: the probability", "[0, 1)"});
  expect_error([] { dropout(Tensor({2}, DType::i64), 0.5, Rng(1)); }, {"dropout", "i64"});
}

}  // namespace
}  // namespace papilio
