// sum and mean.
#include "papilio/core/threads.h"
#include "papilio/tests/core/ops/gradient_check_table.h"
#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio::testing {
namespace {

auto sum_along(int64_t axis) {
  return [axis](auto x) { return sum(x[0], axis); };
}
auto mean_along(int64_t axis) {
  return [axis](auto x) { return mean(x[0], axis); };
}

const GradientRows rows = {
    {"sum", "all", {real({2, 3, 7})}, [](auto x) { return sum(x[0]); }},
    {"sum", "complex", {cplx({3, 2})}, [](auto x) { return sum(x[0]); }},
    {"sum", "scalar", {real({})}, [](auto x) { return sum(x[0]); }},
    {"sum", "first", {real({2, 3, 7})}, sum_along(0)},
    {"sum", "middle", {real({2, 3, 7})}, sum_along(1)},
    {"sum", "last", {real({2, 3, 7})}, sum_along(-1)},
    {"sum", "complex_middle", {cplx({2, 3, 2})}, sum_along(-2)},
    {"sum", "only", {real({7})}, sum_along(0)},
    {"mean", "all", {real({2, 3, 7})}, [](auto x) { return mean(x[0]); }},
    {"mean", "complex", {cplx({3, 2})}, [](auto x) { return mean(x[0]); }},
    {"mean", "first", {real({2, 3, 7})}, mean_along(0)},
    {"mean", "middle", {real({2, 3, 7})}, mean_along(1)},
    {"mean", "last", {real({2, 3, 7})}, mean_along(-1)},
    {"mean", "complex_last", {cplx({2, 1, 3})}, mean_along(2)},
    {"mean", "of_one", {real({3, 1})}, mean_along(1)},
};

}  // namespace
}  // namespace papilio::testing

namespace papilio {
namespace {

// x = fill((2, 3, 2), 7, 3, 11); z = cfill((2, 3), 7, 3, 11); y = x.sum() and so on;
// y.backward(seed(y))
TEST(Reduce, EqualsPyTorch) {
  const Tensor x = fill({2, 3, 2}, 7, 3, 11), z = complex_fill({2, 3}, 7, 3, 11);
  expect_recorded({
      {"sum",
       [](const Tensor& t) { return sum(t); },
       x,
       {-0.727272727273},
       std::vector<double>(12, -0.227272727273)},
      {"mean",
       [](const Tensor& t) { return mean(t); },
       x,
       {-0.0606060606061},
       std::vector<double>(12, -0.0189393939394)},
      {"sum over axis 0",
       [](const Tensor& t) { return sum(t, 0); },
       x,
       {-0.636363636364, 0.636363636364, -0.0909090909091, -0.818181818182, 0.454545454545,
        -0.272727272727},
       {-0.227272727273, 0.409090909091, 0.0454545454545, -0.318181818182, 0.318181818182,
        -0.0454545454545, -0.227272727273, 0.409090909091, 0.0454545454545, -0.318181818182,
        0.318181818182, -0.0454545454545}},
      {"sum over axis 1",
       [](const Tensor& t) { return sum(t, 1); },
       x,
       {0.136363636364, 0.0454545454545, -0.409090909091, -0.5},
       {-0.227272727273, 0.409090909091, -0.227272727273, 0.409090909091, -0.227272727273,
        0.409090909091, 0.0454545454545, -0.318181818182, 0.0454545454545, -0.318181818182,
        0.0454545454545, -0.318181818182}},
      {"mean over axis -1",
       [](const Tensor& t) { return mean(t, -1); },
       x,
       {0.0909090909091, -0.136363636364, 0.136363636364, -0.0909090909091, -0.318181818182,
        -0.0454545454545},
       {-0.113636363636, -0.113636363636, 0.204545454545, 0.204545454545, 0.0227272727273,
        0.0227272727273, -0.159090909091, -0.159090909091, 0.159090909091, 0.159090909091,
        -0.0227272727273, -0.0227272727273}},
      {"sum, complex",
       [](const Tensor& t) { return sum(t); },
       z,
       {0.181818181818, -0.545454545455},
       {-0.227272727273, -0.136363636364, -0.227272727273, -0.136363636364, -0.227272727273,
        -0.136363636364, -0.227272727273, -0.136363636364, -0.227272727273, -0.136363636364,
        -0.227272727273, -0.136363636364}},
      {"mean over axis 0, complex",
       [](const Tensor& t) { return mean(t, 0); },
       z,
       {-0.272727272727, 0.0909090909091, 0.363636363636, -0.0909090909091, 0, -0.272727272727},
       {-0.113636363636, -0.0681818181818, 0.204545454545, -0.159090909091, 0.0227272727273, -0.25,
        -0.113636363636, -0.0681818181818, 0.204545454545, -0.159090909091, 0.0227272727273,
        -0.25}},
  });
}

TEST(Reduce, F32LikeF64) {
  for (const Tensor& x : {fill({3, 700, 5}, 7, 3, 101), complex_fill({3, 70, 5}, 7, 3, 101)}) {
    expect_f32_like_f64([](const auto& in) { return sum(in[0]); }, {x}, 1e-5);
    for (const int64_t axis : {0, 1, 2})
      expect_f32_like_f64([=](const auto& in) { return mean(in[0], axis); }, {x}, 1e-5);
  }
}

TEST(Reduce, ShapesLoseTheirAxis) {
  const Tensor x = Tensor::zeros({2, 3, 7});
  EXPECT_EQ(sum(x).shape(), Shape{});
  EXPECT_EQ(sum(x, 0).shape(), (Shape{3, 7}));
  EXPECT_EQ(mean(x, -2).shape(), (Shape{2, 7}));
  EXPECT_EQ(sum(Tensor::zeros({7}), 0).shape(), Shape{});
}

// Adding a million times 0.1 one after the other in f32 gives 100958.3.
TEST(Reduce, LongSumsKeepTheirDigits) {
  EXPECT_NEAR(sum(Tensor::full({1000000}, 0.1)).item(), 1e5, 0.1);
}

TEST(Reduce, NothingSumsToZeroAndHasNoMean) {
  EXPECT_EQ(sum(Tensor({0, 3})).item(), 0);
  expect_numbers(sum(Tensor({0, 3}), 0), {0, 0, 0});
  EXPECT_EQ(sum(Tensor({0, 3}), 1).shape(), Shape{0});
  EXPECT_EQ(mean(Tensor({0, 3}), 1).shape(), Shape{0});
  expect_error([] { mean(Tensor({0, 3})); }, {"mean", "[0, 3]", "nothing"});
  expect_error([] { mean(Tensor({0, 3}), 0); }, {"mean", "[0, 3]", "nothing"});
}

TEST(Reduce, SameBitsForEveryThreadCount) {
  const int before = threads();
  const Tensor x = randn({9, 3001, 33}, Rng(1));
  std::vector<std::vector<float>> sums[4];
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    sums[3].push_back(sum(x).to_vector<float>());
    for (const int64_t axis : {0, 1, 2}) sums[axis].push_back(sum(x, axis).to_vector<float>());
  }
  set_threads(before);
  for (const auto& runs : sums)
    for (const auto& run : runs) EXPECT_EQ(run, runs[0]);
}

TEST(Reduce, ErrorsNameOpTensorAndAxis) {
  const Tensor x({2, 3});
  expect_error([&] { sum(x, 2); }, {"sum: [2, 3] f32 has no axis 2", "2 axes"});
  expect_error([&] { mean(x, -3); }, {"mean: [2, 3] f32 has no axis -3"});
  expect_error([&] { sum(Tensor({}, DType::f32), 0); }, {"sum: [] f32 has no axis 0"});
  expect_error([&] { sum(Tensor({2}, DType::i64)); }, {"sum", "i64"});
  expect_error([&] { mean(Tensor({2}, DType::i64)); }, {"mean", "i64"});
}

}  // namespace
}  // namespace papilio
