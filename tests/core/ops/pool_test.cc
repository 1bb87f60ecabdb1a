#include "papilio/core/kernels/simd.h"
#include "papilio/tests/core/ops/gradient_check_table.h"
#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio::testing {
namespace {

// Normal entries have no ties.
auto max_pool(const Pool2dOptions& options) {
  return [options](auto x) { return max_pool2d(x[0], options); };
}
auto avg_pool(const Pool2dOptions& options) {
  return [options](auto x) { return avg_pool2d(x[0], options); };
}
constexpr Pool2dOptions kPadded{.kernel = 3, .stride = 2, .padding = 1},
    kGaps{.kernel = 2, .stride = 3}, kWide{.kernel = 3, .stride = 1}, kOne{.kernel = 1};

const GradientRows rows = {
    {"max_pool2d", "even", {real({2, 2, 4, 3})}, max_pool({})},
    {"max_pool2d", "rest_is_cut", {real({1, 3, 7, 2})}, max_pool({})},
    {"max_pool2d", "padded", {real({2, 7, 3, 2})}, max_pool(kPadded)},
    {"max_pool2d", "gaps", {real({1, 7, 5, 1})}, max_pool(kGaps)},
    {"max_pool2d", "overlapping", {real({1, 7, 3, 7})}, max_pool(kWide)},
    {"max_pool2d", "skips_pixels", {real({1, 3, 3, 1})}, max_pool(kOne)},
    {"avg_pool2d", "even", {real({2, 2, 4, 3})}, avg_pool({})},
    {"avg_pool2d", "rest_is_cut", {real({1, 3, 7, 2})}, avg_pool({})},
    {"avg_pool2d", "padded", {real({2, 7, 3, 2})}, avg_pool(kPadded)},
    {"avg_pool2d", "gaps", {real({1, 7, 5, 1})}, avg_pool(kGaps)},
    {"avg_pool2d", "overlapping", {real({1, 7, 3, 7})}, avg_pool(kWide)},
    {"avg_pool2d", "skips_pixels", {real({1, 3, 3, 1})}, avg_pool(kOne)},
    {"global_avg_pool2d",
     "pixel",
     {real({2, 1, 1, 3})},
     [](auto x) { return global_avg_pool2d(x[0]); }},
    {"global_avg_pool2d",
     "image",
     {real({2, 3, 7, 2})},
     [](auto x) { return global_avg_pool2d(x[0]); }},
};

}  // namespace
}  // namespace papilio::testing

namespace papilio {
namespace {

constexpr Pool2dOptions kOverlapping{.kernel = 3, .stride = 2, .padding = 1};

// x = fill((1, 4, 5, 2), 7, 3, 43)
// y = F.max_pool2d(x.permute(0, 3, 1, 2), 3, 2, 1).permute(0, 2, 3, 1)
// y.backward(fill(y.shape, 7, 3, 11))
TEST(MaxPool2d, EqualsPyTorch) {
  const Derivatives d =
      differentiate([](const auto& in) { return max_pool2d(in[0], kOverlapping); },
                    {fill({1, 4, 5, 2}, 7, 3, 43)});
  EXPECT_EQ(d.output.shape(), (Shape{1, 2, 3, 2}));
  expect_numbers(
      d.output,
      {0.1976744186, 0.3604651163, 0.2209302326, 0.3837209302, 0.1744186047, 0.3372093023,
       0.4534883721, 0.3604651163, 0.476744186, 0.3372093023, 0.4302325581, 0.3372093023},
      1e-9);
  expect_numbers(d.gradients[0],
                 {0,
                  0,
                  0,
                  0,
                  0.04545454545,
                  -0.3181818182,
                  0,
                  0,
                  0,
                  0,
                  -0.2272727273,
                  0.6363636364,
                  0,
                  0,
                  0,
                  0,
                  0.3181818182,
                  -0.7727272727,
                  0,
                  0,
                  0,
                  0,
                  0,
                  0,
                  -0.1363636364,
                  0,
                  0,
                  0,
                  0,
                  0,
                  -0.4090909091,
                  0,
                  0,
                  0,
                  0,
                  0,
                  0.1363636364,
                  0,
                  0,
                  0},
                 1e-9);
}

TEST(MaxPool2d, TheFirstOfEqualValuesGetsTheGradient) {
  const Derivatives d = differentiate(
      [](const auto& in) { return max_pool2d(in[0]); }, {Tensor::full({1, 2, 2, 1}, 3, DType::f64)},
      [](const Tensor& y) { return Tensor::full(y.shape(), 1, y.dtype()); });
  expect_numbers(d.gradients[0], {1, 0, 0, 0});
}

TEST(MaxPool2d, NaNWinsAndNegativeImagesKeepTheirPadding) {
  EXPECT_TRUE(
      std::isnan(max_pool2d(Tensor::from<float>({1, NAN, 3, 4}).view({1, 2, 2, 1})).item()));
  EXPECT_EQ(
      max_pool2d(Tensor::full({1, 1, 1, 1}, -5), {.kernel = 3, .stride = 1, .padding = 1}).item(),
      -5);
}

// The same of F.avg_pool2d
TEST(AvgPool2d, EqualsPyTorch) {
  const Derivatives d =
      differentiate([](const auto& in) { return avg_pool2d(in[0], kOverlapping); },
                    {fill({1, 4, 5, 2}, 7, 3, 43)});
  expect_numbers(d.output,
                 {-0.09043927649, -0.0180878553, -0.08785529716, 0.02067183463, -0.1007751938,
                  -0.02842377261, -0.007751937984, -0.01033591731, 0.0322997416, -0.02713178295,
                  -0.02325581395, -0.02583979328},
                 1e-9);
  expect_numbers(d.gradients[0],
                 {-0.02525252525,
                  0.04545454545,
                  -0.0202020202,
                  0.0101010101,
                  0.005050505051,
                  -0.03535353535,
                  0.0404040404,
                  -0.0404040404,
                  0.03535353535,
                  -0.005050505051,
                  -0.07070707071,
                  0.07070707071,
                  -0.08080808081,
                  -0.0202020202,
                  -0.0101010101,
                  -0.09090909091,
                  0.0404040404,
                  -0.1212121212,
                  0.05050505051,
                  -0.0303030303,
                  -0.04545454545,
                  0.02525252525,
                  -0.06060606061,
                  -0.0303030303,
                  -0.01515151515,
                  -0.05555555556,
                  0,
                  -0.08080808081,
                  0.01515151515,
                  -0.02525252525,
                  -0.04545454545,
                  0.02525252525,
                  -0.06060606061,
                  -0.0303030303,
                  -0.01515151515,
                  -0.05555555556,
                  0,
                  -0.08080808081,
                  0.01515151515,
                  -0.02525252525},
                 1e-9);
}

// x = fill((2, 2, 3, 2), 7, 3, 11); x.mean((1, 2)).backward(fill((2, 2), 7, 3, 11))
TEST(GlobalAvgPool2d, EqualsPyTorch) {
  const Derivatives d = differentiate([](const auto& in) { return global_avg_pool2d(in[0]); },
                                      {fill({2, 2, 3, 2}, 7, 3, 11)});
  EXPECT_EQ(d.output.shape(), (Shape{2, 2}));
  expect_numbers(d.output, {-0.04545454545, -0.07575757576, -0.07575757576, 0.06060606061}, 1e-9);
  std::vector<double> expected;
  for (const auto& [even, odd] :
       {std::pair{-0.03787878788, 0.06818181818}, {0.007575757576, -0.05303030303}})
    for (int pixel = 0; pixel < 6; ++pixel) expected.insert(expected.end(), {even, odd});
  expect_numbers(d.gradients[0], expected, 1e-9);
}

TEST(Pool2d, FastPathAgreesWithReference) {
  struct Case {
    Shape x;
    Pool2dOptions options;
  };
  for (const std::string& target : kernels::simd_targets())
    for (const auto& [x, options] :
         {Case{{2, 8, 8, 17}, {}}, Case{{3, 9, 7, 5}, kOverlapping},
          Case{{1, 5, 5, 33}, {.kernel = 5, .stride = 1, .padding = 2}},
          Case{{2, 3, 4, 1}, {.kernel = 1, .stride = 2}}, Case{{3, 8, 9, 24}, kOverlapping},
          Case{{2, 7, 6, 13}, {.kernel = 2, .stride = 3}},
          Case{{1, 9, 9, 8}, {.kernel = 4, .stride = 3, .padding = 2}}}) {
      kernels::set_simd_target(target);
      SCOPED_TRACE(concat(target, " ", x, " kernel ", options.kernel));
      // Distinct values, so that rounding to f32 does not move a maximum.
      const Tensor image = fill(x, 1009, 3, 4099);
      expect_f32_like_f64(
          [&options = options](const auto& in) { return max_pool2d(in[0], options); }, {image});
      expect_f32_like_f64(
          [&options = options](const auto& in) { return avg_pool2d(in[0], options); }, {image});
      expect_f32_like_f64([](const auto& in) { return global_avg_pool2d(in[0]); }, {image});
    }
  kernels::set_simd_target("");
}

TEST(Pool2d, ErrorsNameShapesAndRule) {
  const Tensor x({2, 4, 4, 3});
  expect_error([&] { max_pool2d(x, {.kernel = 5}); },
               {"max_pool2d: x[2, 4, 4, 3]", "smaller than the kernel 5"});
  expect_error([&] { avg_pool2d(x, {.kernel = 2, .stride = 2, .padding = 2}); },
               {"avg_pool2d", "padding = 2", "0 .. 1"});
  expect_error([&] { max_pool2d(x, {.kernel = 2, .stride = 0}); }, {"stride = 0"});
  expect_error(
      [&] {
        max_pool2d(Tensor({4, 4, 3}));
      },
      {"[4, 4, 3]", "[batch, height, width, channels]"});
  expect_error(
      [&] {
        global_avg_pool2d(Tensor({2, 0, 4, 3}));
      },
      {"global_avg_pool2d", "at least one pixel"});
}

}  // namespace
}  // namespace papilio
