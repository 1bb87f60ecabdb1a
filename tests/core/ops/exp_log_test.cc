#include <numbers>

#include "papilio/tests/core/ops/gradient_check_table.h"
#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio::testing {
namespace {

const GradientRows rows = {
    {"exp", "matrix", {real({3, 7})}, [](auto x) { return papilio::exp(x[0]); }},
    {"exp", "complex", {cplx({2, 3})}, [](auto x) { return papilio::exp(x[0]); }},
    {"log", "matrix", {uniform({3, 7}, 0.5, 7)}, [](auto x) { return papilio::log(x[0]); }},
    {"log", "complex", {cplx({2, 3})}, [](auto x) { return papilio::log(x[0]); }},
};

}  // namespace
}  // namespace papilio::testing

namespace papilio {
namespace {

using C = std::complex<double>;

// r = fill((2, 3), 7, 3, 11); z = cfill((3,), 7, 3, 11); y = torch.exp(r) and so on;
// y.backward(seed(y))
TEST(ExpLog, EqualPyTorch) {
  const Tensor r = fill({2, 3}, 7, 3, 11), z = complex_fill({3}, 7, 3, 11);
  expect_recorded({
      {"exp",
       papilio::exp,
       r,
       {0.796703469893, 1.50544857323, 1.04650343519, 0.727470509024, 1.37462617054,
        0.955563036268},
       {-0.18106897043, 0.615865325411, 0.0475683379634, -0.231467889235, 0.437381054262,
        -0.0434346834667}},
      {"exp, complex",
       papilio::exp,
       z,
       {0.789307574167, -0.108304996667, 1.42988376836, -0.470964771081, 0.918393165685,
        -0.501720473069},
       {-0.164619221856, -0.132247622993, 0.734804877856, -0.262295610855, 0.29260538043,
        -0.436391106794}},
      {"log(r + 1)",
       papilio::log,
       add(r, Tensor::full({}, 1, DType::f64)),
       {-0.257829109302, 0.342944751127, 0.0444517625708, -0.382992252256, 0.276253376628,
        -0.0465200156349},
       {-0.294117647059, 0.290322580645, 0.0434782608696, -0.466666666667, 0.241379310345,
        -0.047619047619}},
      {"log, complex",
       papilio::log,
       z,
       {-1.32786219105, -2.60117315332, -0.657275228131, -0.661043168851, -0.689031930992,
        -1.48013643959},
       {0.470588235294, 0.882352941176, 0.246153846154, -0.969230769231, -0.983606557377,
        -0.180327868852}},
  });
}

TEST(ExpLog, F32LikeF64) {
  const auto exp_of = [](const auto& x) { return papilio::exp(x[0]); };
  const auto log_of = [](const auto& x) { return papilio::log(x[0]); };
  const Tensor z = complex_fill({37}, 7, 3, 101);
  expect_f32_like_f64(exp_of, {fill({3, 37}, 7, 3, 101, 8)});
  expect_f32_like_f64(exp_of, {z});
  expect_f32_like_f64(log_of, {papilio::exp(fill({3, 37}, 7, 3, 101, 4))});
  expect_f32_like_f64(log_of, {z});
}

// The branch cut is the negative real axis; the sign of a zero imaginary part says its side.
TEST(Log, ComplexBranchCut) {
  expect_numbers(papilio::log(Tensor::from<C>({{-1, 0.0}, {-1, -0.0}, {0, 2}, {-3, 1e-300}})),
                 {0, std::numbers::pi, 0, -std::numbers::pi, std::numbers::ln2,
                  std::numbers::pi / 2, std::log(3), std::numbers::pi});
}

TEST(Log, ZeroAndNegativeNumbers) {
  const auto y = papilio::log(Tensor::from<double>({0, -1})).to_vector<double>();
  EXPECT_EQ(y[0], -HUGE_VAL);
  EXPECT_TRUE(std::isnan(y[1]));
}

TEST(Exp, OverflowIsInfinityAndUnderflowZero) {
  EXPECT_EQ(papilio::exp(Tensor::from<float>({100, -200})).to_vector<float>(),
            (std::vector<float>{HUGE_VALF, 0}));
}

TEST(ExpLog, IntegersAreErrors) {
  const Tensor x({2}, DType::i64);
  expect_error([&] { papilio::exp(x); }, {"exp", "i64", "expected f32, f64, c64 or c128"});
  expect_error([&] { papilio::log(x); }, {"log", "i64", "expected f32, f64, c64 or c128"});
}

}  // namespace
}  // namespace papilio
