// add, sub, mul and scale.
#include "papilio/tests/core/ops/gradient_check_table.h"
#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio::testing {
namespace {

const auto sum_of_two = [](auto x) { return add(x[0], x[1]); };
const auto difference = [](auto x) { return sub(x[0], x[1]); };
const auto product = [](auto x) { return mul(x[0], x[1]); };

const GradientRows rows = {
    {"add", "equal", {real({2, 3}), real({2, 3})}, sum_of_two},
    {"add", "one", {real({1}), real({1})}, sum_of_two},
    {"add", "rows", {real({2, 7, 3}), real({3})}, sum_of_two},
    {"add", "matrix", {cplx({3, 2, 7}), cplx({2, 7})}, sum_of_two},
    {"add", "scalar", {cplx({2, 3}), cplx({})}, sum_of_two},
    {"add", "itself", {real({7})}, [](auto x) { return add(x[0], x[0]); }},
    {"sub", "equal", {real({2, 3}), real({2, 3})}, difference},
    {"sub", "rows", {cplx({7, 3}), cplx({3})}, difference},
    {"sub", "scalar", {real({7, 1}), real({})}, difference},
    {"sub", "itself", {cplx({7})}, [](auto x) { return sub(x[0], x[0]); }},
    {"mul", "equal", {real({2, 3}), real({2, 3})}, product},
    {"mul", "complex", {cplx({2, 3}), cplx({2, 3})}, product},
    {"mul", "rows", {real({2, 7, 3}), real({3})}, product},
    {"mul", "complex_rows", {cplx({7, 2}), cplx({2})}, product},
    {"mul", "scalar", {cplx({7}), cplx({})}, product},
    {"mul", "square", {cplx({7})}, [](auto x) { return mul(x[0], x[0]); }},
    {"scale", "real", {real({7})}, [](auto x) { return scale(x[0], -2.5); }},
    {"scale", "complex", {cplx({3, 1})}, [](auto x) { return scale(x[0], 0.3); }},
};

}  // namespace
}  // namespace papilio::testing

namespace papilio {
namespace {

// a = cfill((2, 2), 7, 3, 11); b = cfill((2,), 5, 1, 13); y = a + b and so on; y.backward(seed(y))
TEST(Arithmetic, EqualsPyTorch) {
  const Tensor a = complex_fill({2, 2}, 7, 3, 11), b = complex_fill({2}, 5, 1, 13);
  const auto with_b = [&](auto op) { return [=](const Tensor& x) { return op(x, b); }; };
  const auto of_b = [&](auto op) { return [=](const Tensor& x) { return op(a, x); }; };
  const std::vector<double> seed = {-0.227272727273, -0.136363636364, 0.409090909091,
                                    -0.318181818182, 0.0454545454545, -0.5,
                                    -0.318181818182, 0.318181818182};
  const std::vector<double> sums = {-0.65034965035,  -0.482517482517, 0.370629370629,
                                    -0.125874125874, -0.377622377622, -0.846153846154,
                                    -0.356643356643, 0.51048951049};
  const std::vector<double> differences = {0.195804195804, 0.20979020979,  0.447552447552,
                                           -0.51048951049, 0.468531468531, -0.153846153846,
                                           -0.27972027972, 0.125874125874};
  const std::vector<double> products = {0.048951048951,  0.136363636364,  0.0454545454545,
                                        0.0909090909091, -0.192307692308, 0.195804195804,
                                        -0.048951048951, -0.0734265734266};
  const std::vector<double> scaled = {0.568181818182, 0.340909090909,  -1.02272727273,
                                      0.795454545455, -0.113636363636, 1.25,
                                      0.795454545455, -0.795454545455};
  expect_recorded({
      {"a + b, of a", with_b(add), a, sums, seed},
      {"a + b, of b", of_b(add), b, sums, {-0.181818181818, -0.636363636364, 0.0909090909091, 0}},
      {"a - b, of a", with_b(sub), a, differences, seed},
      {"a - b, of b",
       of_b(sub),
       b,
       differences,
       {0.181818181818, 0.636363636364, -0.0909090909091, 0}},
      {"a * b, of a",
       with_b(mul),
       a,
       products,
       {0.143356643357, -0.020979020979, -0.0769230769231, -0.0664335664336, 0.153846153846,
        0.227272727273, 0.0734265734266, 0.048951048951}},
      {"a * b, of b", of_b(mul), b, products, {0.322314049587, 0, 0.471074380165, 0}},
      {"-2.5 * a", [](const Tensor& x) { return scale(x, -2.5); }, a, scaled, scaled},
  });
}

TEST(Arithmetic, F32LikeF64) {
  using Op = Tensor (*)(const Tensor&, const Tensor&);
  for (const Op op : {Op{add}, Op{sub}, Op{mul}}) {
    const auto apply = [op](const auto& x) { return op(x[0], x[1]); };
    expect_f32_like_f64(apply, {fill({70, 37}, 7, 3, 1009), fill({37}, 5, 1, 103)}, 1e-5);
    expect_f32_like_f64(apply, {complex_fill({7, 3}, 7, 3, 101), complex_fill({}, 5, 1, 103)},
                        1e-5);
  }
  expect_f32_like_f64([](const auto& x) { return scale(x[0], 0.3); }, {fill({37}, 7, 3, 101)});
}

TEST(Arithmetic, OperatorsAreTheOps) {
  const Tensor a = Tensor::from<double>({2, -3}), b = Tensor::from<double>({5, 7});
  expect_numbers(a + b, {7, 4});
  expect_numbers(a - b, {-3, -10});
  expect_numbers(a * b, {10, -21});
  expect_numbers(0.5 * a, {1, -1.5});
}

TEST(Arithmetic, EmptyTensors) {
  EXPECT_EQ(add(Tensor({0, 3}), Tensor({3})).shape(), (Shape{0, 3}));
  EXPECT_EQ(mul(Tensor({2, 0}), Tensor({0})).shape(), (Shape{2, 0}));
}

TEST(Arithmetic, ErrorsNameShapesRuleAndRemedy) {
  const Tensor a({2, 3});
  expect_error([&] { add(a, Tensor({2})); },
               {"add: a [2, 3] f32 and b [2] f32", "trailing axes", "reshape()"});
  expect_error([&] { sub(Tensor({3}), a); }, {"sub: a [3] f32 and b [2, 3] f32"});
  expect_error([&] { mul(a, a.to(DType::c64)); }, {"mul", "f32", "c64", "dtype", "to()"});
  expect_error([&] { scale(Tensor({2}, DType::i64), 2); }, {"scale", "i64"});
}

}  // namespace
}  // namespace papilio
