#include "papilio/core/threads.h"
#include "papilio/tests/core/ops/gradient_check_table.h"
#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio::testing {
namespace {

auto normalised(double epsilon) {
  return [epsilon](auto x) { return layer_norm(x[0], x[1], x[2], epsilon); };
}

const GradientRows rows = {
    {"layer_norm", "matrix", {real({3, 7}), real({7}), real({7})}, normalised(1e-5)},
    {"layer_norm", "leading_axes", {real({2, 1, 3, 7}), real({7}), real({7})}, normalised(1e-5)},
    {"layer_norm", "one_row", {real({7}), real({7}), real({7})}, normalised(1e-5)},
    {"layer_norm", "two_features", {real({3, 2}), real({2}), real({2})}, normalised(0.1)},
    {"layer_norm", "one_feature", {real({3, 1}), real({1}), real({1})}, normalised(0.1)},
    {"layer_norm", "wide", {real({2, 130}), real({130}), real({130})}, normalised(1e-5)},
};

}  // namespace
}  // namespace papilio::testing

namespace papilio {
namespace {

Tensor apply(const std::vector<Tensor>& in) { return layer_norm(in[0], in[1], in[2]); }

// x = fill((2, 5), 7, 3, 11); g = fill((5,), 5, 1, 13); b = fill((5,), 3, 2, 7)
// F.layer_norm(x, (5,), g, b, 1e-5).backward(fill((2, 5), 7, 3, 11))
TEST(LayerNorm, EqualsPyTorch) {
  const Derivatives d =
      differentiate(apply, {fill({2, 5}, 7, 3, 11), fill({5}, 5, 1, 13), fill({5}, 3, 2, 7)},
                    [](const Tensor& y) { return fill(y.shape(), 7, 3, 11); });
  expect_numbers(d.output,
                 {0.187056016, 0.1656382318, -0.3571428571, 0.4119609486, -0.3905431645,
                  -0.4206107279, 0.2491198075, 0.1734071779, 0.03391493259, -0.6446954641},
                 1e-9);
  expect_numbers(d.gradients[0],
                 {0.06058085917, -0.04428886705, -0.09729496491, -0.01652048602, 0.09752345882,
                  -0.06951450257, 0.1233564784, 0.003545344232, 0.0490413155, -0.1064286356},
                 1e-9);
  expect_numbers(d.gradients[1],
                 {0.193429647, 0.8879403957, 0.3483409321, 0.3834469404, 0.9288491939}, 1e-9);
  expect_numbers(d.gradients[2], {-0.2727272727, 0, 0.2727272727, -0.4545454545, -0.1818181818},
                 1e-9);
}

TEST(LayerNorm, FastPathAgreesWithReference) {
  for (const Shape& shape :
       {Shape{3, 6}, Shape{5, 4, 7}, Shape{70, 65}, Shape{2, 1030}, Shape{1000, 16}}) {
    SCOPED_TRACE(text(shape));
    expect_f32_like_f64(
        apply,
        {fill(shape, 7919, 3, 10007), fill({shape[-1]}, 5, 1, 13), fill({shape[-1]}, 3, 2, 7)},
        1e-5);
  }
}

TEST(LayerNorm, SameBitsForEveryThreadCount) {
  const int before = threads();
  const std::vector<Tensor> in = {randn({3000, 33}, Rng(1)), randn({33}, Rng(2)),
                                  randn({33}, Rng(3))};
  const Tensor dy = randn({3000, 33}, Rng(4));
  std::vector<Derivatives> runs;
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    runs.push_back(differentiate(apply, in, [&](const Tensor&) { return dy; }));
  }
  set_threads(before);
  for (const Derivatives& run : runs) {
    EXPECT_EQ(run.output.to_vector<float>(), runs[0].output.to_vector<float>());
    for (size_t i = 0; i < 3; ++i)
      EXPECT_EQ(run.gradients[i].to_vector<float>(), runs[0].gradients[i].to_vector<float>());
  }
}

TEST(LayerNorm, NoRows) {
  const Derivatives d =
      differentiate(apply, {Tensor({0, 3}), Tensor::zeros({3}), Tensor::zeros({3})},
                    [](const Tensor& y) { return Tensor(y.shape()); });
  EXPECT_EQ(d.output.shape(), (Shape{0, 3}));
  expect_numbers(d.gradients[1], {0, 0, 0});
}

TEST(LayerNorm, ErrorsNameShapesAndRule) {
  const Tensor x({4, 3}), three({3}), four({4});
  expect_error([&] { layer_norm(x, four, three); }, {"layer_norm: gamma is [4] f32, expected [3]"});
  expect_error([&] { layer_norm(x, three, three.to(DType::f64)); },
               {"layer_norm: beta is [3] f64, expected [3] f32"});
  expect_error([&] { layer_norm(x, three, three, -1); }, {"epsilon = -1"});
}

}  // namespace
}  // namespace papilio
