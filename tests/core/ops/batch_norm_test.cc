#include "papilio/core/kernels/simd.h"
#include "papilio/core/threads.h"
#include "papilio/tests/core/ops/gradient_check_table.h"
#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio::testing {
namespace {

auto normalised(double epsilon) {
  return [epsilon](auto x) { return batch_norm(x[0], x[1], x[2], epsilon); };
}
Tensor normalised_relu(std::span<const Tensor> x) {
  return batch_norm(x[0], x[1], x[2], 0.1, nullptr, Activation::relu,
                    x.size() > 3 ? x[3] : Tensor());
}
Tensor normalised_plus(std::span<const Tensor> x) {
  return batch_norm(x[0], x[1], x[2], 0.1, nullptr, Activation::none, x[3]);
}
Tensor normalised_as_given_relu(std::span<const Tensor> x) {
  const BatchStatistics given{.mean = Tensor::from<double>({0.3, -1, 2}),
                              .variance = Tensor::from<double>({0.5, 2, 1})};
  return batch_norm(x[0], x[1], x[2], 1e-5, given, Activation::relu,
                    x.size() > 3 ? x[3] : Tensor());
}
Tensor normalised_as_given(std::span<const Tensor> x) {
  const BatchStatistics given{.mean = Tensor::from<double>({0.3, -1, 2}),
                              .variance = Tensor::from<double>({0.5, 2, 1})};
  return batch_norm(x[0], x[1], x[2], 1e-5, given);
}

const GradientRows rows = {
    {"batch_norm", "matrix", {real({7, 3}), real({3}), real({3})}, normalised(1e-5)},
    {"batch_norm", "images", {real({2, 3, 2, 7}), real({7}), real({7})}, normalised(1e-5)},
    {"batch_norm", "one_channel", {real({7, 1}), real({1}), real({1})}, normalised(1e-5)},
    {"batch_norm", "two_rows", {real({2, 3}), real({3}), real({3})}, normalised(0.1)},
    {"batch_norm", "one_row", {real({1, 3}), real({3}), real({3})}, normalised(0.1)},
    {"batch_norm", "given", {real({7, 3}), real({3}), real({3})}, normalised_as_given},
    {"batch_norm", "given_one_row", {real({1, 3}), real({3}), real({3})}, normalised_as_given},
    {"batch_norm", "relu", {real({7, 3}), real({3}), real({3})}, normalised_relu},
    {"batch_norm",
     "residual",
     {real({2, 3, 5}), real({5}), real({5}), real({2, 3, 5})},
     normalised_plus},
    {"batch_norm",
     "residual_relu",
     {real({2, 3, 5}), real({5}), real({5}), real({2, 3, 5})},
     normalised_relu},
    {"batch_norm", "given_relu", {real({7, 3}), real({3}), real({3})}, normalised_as_given_relu},
    {"batch_norm",
     "given_residual_relu",
     {real({7, 3}), real({3}), real({3}), real({7, 3})},
     normalised_as_given_relu},
};

}  // namespace
}  // namespace papilio::testing

namespace papilio {
namespace {

constexpr double kEpsilon = 1e-5;
Tensor seed(const Tensor& y) { return fill(y.shape(), 5, 2, 13); }
std::vector<Tensor> inputs() {
  return {fill({5, 3}, 7, 3, 11), fill({3}, 5, 1, 13), fill({3}, 3, 2, 7)};
}

// x = fill((5, 3), 7, 3, 11); g = fill((3,), 5, 1, 13); b = fill((3,), 3, 2, 7)
// y = F.batch_norm(x, None, None, g, b, True, 0.1, 1e-5); y.backward(fill((5, 3), 5, 2, 13))
TEST(BatchNorm, EqualsPyTorch) {
  BatchStatistics statistics;
  const Derivatives d = differentiate(
      [&](const auto& in) { return batch_norm(in[0], in[1], in[2], kEpsilon, &statistics); },
      inputs(), seed);
  expect_numbers(statistics.mean, {-0.2090909091, 0.2272727273, -0.1363636364}, 1e-9);
  expect_numbers(statistics.variance, {0.1038016529, 0.01652892562, 0.01652892562}, 1e-9);
  expect_numbers(d.output,
                 {-0.1904112522, 0.1599093313, 0.1322445894, -0.07103894196, 0.1870975228,
                  -0.1124491339, 0.04833336831, 0.2142857143, -0.3571428571, 0.1677056786,
                  0.2414739058, -0.6018365804, -1.026017424, 0.2686620972, -0.8465303037},
                 1e-9);
  expect_numbers(d.gradients[0],
                 {0.3963097953, 0.05976116383, 1.076802609, 0.1556973038, -0.02993343933,
                  -1.076577269, -0.08491518768, -0.1196280425, -0.5383261912, -0.3255276792,
                  0.08974746058, -7.511317477e-05, -0.1415642323, 5.285741928e-05, 0.5381759649},
                 1e-9);
  expect_numbers(d.gradients[1], {0.5208973539, 1.033151276, 0.3262582977}, 1e-9);
  expect_numbers(d.gradients[2], {-0.1923076923, -0.2692307692, -0.3461538462}, 1e-9);
}

// The same with
// F.batch_norm(x, fill((3,), 3, 1, 5), fill((3,), 2, 1, 5) + 1, g, b, False, 0.1, 1e-5)
TEST(BatchNorm, EqualsPyTorchWithGivenStatistics) {
  const BatchStatistics given{.mean = fill({3}, 3, 1, 5),
                              .variance = Tensor::from<double>({0.7, 1.1, 0.5})};
  const Derivatives d = differentiate(
      [&](const auto& in) { return batch_norm(in[0], in[1], in[2], kEpsilon, given); }, inputs(),
      seed);
  expect_numbers(d.output,
                 {-0.2510617165, 0.2102851901, -0.2859384108, -0.2050917137, 0.2136189603,
                  -0.3304411898, -0.159121711, 0.2169527304, -0.3749439687, -0.1131517082,
                  0.2202865005, -0.4194467477, -0.5728517359, 0.2236202706, -0.4639495267},
                 1e-9);
  expect_numbers(d.gradients[0],
                 {0.1750396259, -0.001410441206, 0.2071090867, 0.09724423663, -0.007052206031,
                  -0.2071090867, 0.01944884733, -0.01269397086, -0.1317966916, -0.05834654198,
                  0.01833573568, -0.05648429638, -0.1361419313, 0.01269397086, 0.01882809879},
                 1e-9);
  expect_numbers(d.gradients[1], {0.1797009199, 0.1453523774, 0.07713815021}, 1e-9);
  expect_numbers(d.gradients[2], {-0.1923076923, -0.2692307692, -0.3461538462}, 1e-9);
}

TEST(BatchNorm, FastPathAgreesWithReference) {
  for (const Shape& shape :
       {Shape{6, 3}, Shape{50, 7}, Shape{4, 9, 11, 24}, Shape{900, 1}, Shape{7, 1030}}) {
    SCOPED_TRACE(text(shape));
    expect_f32_like_f64(
        [](const auto& in) { return batch_norm(in[0], in[1], in[2], kEpsilon); },
        {fill(shape, 7919, 3, 10007), fill({shape[-1]}, 5, 1, 13), fill({shape[-1]}, 3, 2, 7)},
        1e-5);
  }
}

// Every form against ops of their own, on every target and with and without whole vectors.
TEST(BatchNorm, FusedFormsAgreeWithSeparateOps) {
  const auto pieces = [](bool relu_too) {
    return [relu_too](const std::vector<Tensor>& in) {
      Tensor y = batch_norm(in[0], in[1], in[2], kEpsilon);
      if (in.size() > 3) y = y + in[3];
      return relu_too ? relu(y) : y;
    };
  };
  const auto fused = [](bool relu_too) {
    return [relu_too](const std::vector<Tensor>& in) {
      return batch_norm(in[0], in[1], in[2], kEpsilon, nullptr,
                        relu_too ? Activation::relu : Activation::none,
                        in.size() > 3 ? in[3] : Tensor());
    };
  };
  for (const std::string& target : kernels::simd_targets()) {
    kernels::set_simd_target(target);
    for (const DType dtype : {DType::f32, DType::f64})
      for (const Shape& shape : {Shape{6, 3}, Shape{700, 7}, Shape{4, 9, 11, 24}, Shape{900, 1},
                                 Shape{7, 1030}, Shape{2999, 24}, Shape{300, 96}}) {
        SCOPED_TRACE(concat(target, " ", shape, " ", dtype));
        const int64_t channels = shape[-1];
        std::vector<Tensor> in = {randn(shape, Rng(1), dtype), randn({channels}, Rng(2), dtype),
                                  randn({channels}, Rng(3), dtype)};
        for (const bool relu_too : {true, false}) {
          const Derivatives one = differentiate(fused(relu_too), in),
                            many = differentiate(pieces(relu_too), in);
          EXPECT_EQ(numbers(one.output), numbers(many.output));
          for (size_t i = 0; i < in.size(); ++i)
            EXPECT_LT(relative_difference(one.gradients[i], many.gradients[i]), 3e-6) << i;
          if (in.size() == 3) in.push_back(randn(shape, Rng(4), dtype));
        }
      }
  }
  kernels::set_simd_target("");
}

TEST(BatchNorm, EveryTargetAgreesWithDouble) {
  for (const std::string& target : kernels::simd_targets()) {
    kernels::set_simd_target(target);
    for (const Shape& shape : {Shape{6, 3}, Shape{5000, 8}, Shape{4, 9, 11, 24}, Shape{900, 1},
                               Shape{7, 1030}, Shape{500, 60}}) {
      SCOPED_TRACE(concat(target, " ", shape));
      expect_f32_like_f64(
          [](const auto& in) { return batch_norm(in[0], in[1], in[2], kEpsilon); },
          {fill(shape, 7919, 3, 10007), fill({shape[-1]}, 5, 1, 13), fill({shape[-1]}, 3, 2, 7)},
          3e-5);
    }
  }
  kernels::set_simd_target("");
}

TEST(BatchNorm, ReluKeepsNaN) {
  const Tensor y = batch_norm(
      Tensor::from<float>({NAN, -1}).view({1, 2}), Tensor::full({2}, 1), Tensor::zeros({2}),
      kEpsilon, {.mean = Tensor::zeros({2}), .variance = Tensor::full({2}, 1)}, Activation::relu);
  EXPECT_TRUE(std::isnan(y.data<float>()[0]));
  EXPECT_EQ(y.data<float>()[1], 0);
}

// A mean 1000 times the deviation: the textbook formula E[x^2] - E[x]^2 loses all digits of it in
// f32.
TEST(BatchNorm, VarianceIsAccurateFarFromZero) {
  Tensor x({20000, 2});
  for (int64_t i = 0; i < x.numel(); ++i)
    x.mutable_data<float>()[i] = 4096 + static_cast<float>(i / 2 % 9 - 4);
  BatchStatistics statistics;
  batch_norm(x, Tensor::full({2}, 1), Tensor::zeros({2}), kEpsilon, &statistics);
  double mean = 0, variance = 0;
  for (int64_t i = 0; i < 20000; ++i) mean += static_cast<double>(i % 9 - 4) / 20000;
  for (int64_t i = 0; i < 20000; ++i)
    variance += std::pow(static_cast<double>(i % 9 - 4) - mean, 2) / 20000;
  for (const double v : numbers(statistics.variance)) EXPECT_NEAR(v, variance, 1e-4);
  for (const double m : numbers(statistics.mean)) EXPECT_NEAR(m, 4096 + mean, 3e-4);
}

TEST(BatchNorm, SameBitsForEveryThreadCount) {
  const int before = threads();
  const std::vector<Tensor> in = {randn({5000, 24}, Rng(1)), randn({24}, Rng(2)),
                                  randn({24}, Rng(3))};
  const Tensor dy = randn({5000, 24}, Rng(4));
  std::vector<Derivatives> runs;
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    runs.push_back(
        differentiate([](const auto& x) { return batch_norm(x[0], x[1], x[2], kEpsilon); }, in,
                      [&](const Tensor&) { return dy; }));
  }
  set_threads(before);
  for (const Derivatives& run : runs) {
    EXPECT_EQ(run.output.to_vector<float>(), runs[0].output.to_vector<float>());
    for (size_t i = 0; i < 3; ++i)
      EXPECT_EQ(run.gradients[i].to_vector<float>(), runs[0].gradients[i].to_vector<float>());
  }
}

TEST(BatchNorm, GivenStatisticsMayChangeBeforeBackward) {
  BatchStatistics running{.mean = Tensor::from<double>({1}), .variance = Tensor::from<double>({1})};
  Tape tape;
  const Tensor gamma = tape.watch(Tensor::from<double>({1}));
  const Tensor y = batch_norm(Tensor::from<double>({3}).view({1, 1}), gamma,
                              Tensor::from<double>({0}), 0, running);
  running.mean.mutable_data<double>()[0] = 100;
  tape.backward(y, Tensor::full({1, 1}, 1, DType::f64));
  EXPECT_EQ(tape.gradient(gamma).item(), 2);
}

TEST(BatchNorm, ErrorsNameShapesAndRule) {
  const Tensor x({4, 3}), three({3}), four({4});
  expect_error([&] { batch_norm(x, four, three, kEpsilon); },
               {"batch_norm: gamma is [4] f32, expected [3]"});
  expect_error([&] { batch_norm(x, three, four, kEpsilon); },
               {"batch_norm: beta is [4] f32, expected [3]"});
  expect_error([&] { batch_norm(x, three, three, -1); }, {"epsilon = -1"});
  expect_error([&] { batch_norm(x, three, three, 1, nullptr, Activation::none, four); },
               {"residual is [4] f32", "x [4, 3]"});
  expect_error(
      [&] {
        batch_norm(Tensor({0, 3}), three, three, kEpsilon);
      },
      {"[0, 3]", "one value of each"});
  expect_error([&] { batch_norm(x, three, three, kEpsilon, {.mean = four, .variance = three}); },
               {"mean is [4]"});
}

}  // namespace
}  // namespace papilio
