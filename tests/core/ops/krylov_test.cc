#include "papilio/tests/core/ops/gradient_check_table.h"
#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio::testing {
namespace {

const GradientRows rows = {
    {"krylov",
     "tridiagonal",
     {real({2, 4}), real({3}), real({4}), real({3})},
     [](auto x) { return krylov(x[0], 5, x[1], x[2], x[3]); }},
    {"krylov",
     "lower",
     {real({1, 5}), real({4})},
     [](auto x) { return krylov(x[0], 4, x[1], {}, {}); }},
    {"krylov",
     "upper",
     {real({3, 3}), real({2})},
     [](auto x) { return krylov(x[0], 3, {}, {}, x[1]); }},
    {"krylov",
     "one_number",
     {real({1, 1}), real({1})},
     [](auto x) { return krylov(x[0], 3, {}, x[1], {}); }},
    {"krylov",
     "one_step",
     {real({2, 3}), real({3})},
     [](auto x) { return krylov(x[0], 1, {}, x[1], {}); }},
};

}  // namespace
}  // namespace papilio::testing

namespace papilio {
namespace {

// A = [[5, 7, 0], [2, 6, 8], [0, 3, 4]]: A (1, 0, 1) = (5, 10, 4), A (5, 10, 4) = (95, 102, 46).
TEST(Krylov, RowsArePowersOfTheMatrixTimesTheVector) {
  const Tensor v = Tensor::from<double>({1, 0, 1}),
               k = krylov(reshape(v, {1, 3}), 3, Tensor::from<double>({2, 3}),
                          Tensor::from<double>({5, 6, 4}), Tensor::from<double>({7, 8}));
  EXPECT_EQ(k.shape(), Shape({1, 3, 3}));
  EXPECT_EQ(k.to_vector<double>(), (std::vector<double>{1, 0, 1, 5, 10, 4, 95, 102, 46}));
}

TEST(Krylov, ErrorsNameShapesAndRule) {
  expect_error([] { krylov(Tensor({3}), 2, {}, {}, {}); }, {"krylov", "[3]", "[rank, n]"});
  expect_error(
      [] {
        krylov(Tensor({1, 3}), 2, Tensor({3}), {}, {});
      },
      {"krylov", "lower", "[3]", "[2]"});
}

}  // namespace
}  // namespace papilio
