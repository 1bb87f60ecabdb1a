#include "papilio/core/kernels/simd.h"
#include "papilio/core/threads.h"
#include "papilio/tests/core/ops/gradient_check_table.h"
#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio::testing {
namespace {

// x[0] and x[1] through the convolution, x[2] and x[3] of the norm, x[4] a residual if there is
// one.
auto normed(Conv2dOptions options, Activation activation = Activation::none) {
  return [options, activation](auto x) {
    return conv2d_batch_norm(x[0], x[1], options, x[2], x[3], 0.1, nullptr, activation,
                             x.size() > 4 ? x[4] : Tensor());
  };
}
// The input is the residual too, so that its gradient has two terms.
Tensor residual_block(std::span<const Tensor> x) {
  return conv2d_batch_norm(x[0], x[1], {.groups = 2}, x[2], x[3], 0.1, nullptr, Activation::relu,
                           x[0]);
}

const GradientRows rows = {
    {"conv2d_batch_norm",
     "dense",
     {real({2, 4, 3, 2}), real({3, 2, 3, 3}), real({3}), real({3})},
     normed({.stride = 2, .padding = 1})},
    {"conv2d_batch_norm",
     "depthwise_relu",
     {real({2, 3, 3, 2}), real({2, 1, 3, 3}), real({2}), real({2})},
     normed({.padding = 1, .groups = 2}, Activation::relu)},
    {"conv2d_batch_norm",
     "pointwise_residual",
     {real({2, 2, 2, 4}), real({6, 2, 1, 1}), real({6}), real({6}), real({2, 2, 2, 6})},
     normed({.groups = 2})},
    {"conv2d_batch_norm",
     "pointwise_residual_relu",
     {real({2, 2, 2, 4}), real({6, 2, 1, 1}), real({6}), real({6}), real({2, 2, 2, 6})},
     normed({.groups = 2}, Activation::relu)},
    {"conv2d_batch_norm",
     "residual_block",
     {real({2, 2, 3, 4}), real({4, 2, 1, 1}), real({4}), real({4})},
     residual_block},
};

}  // namespace
}  // namespace papilio::testing

namespace papilio {
namespace {

struct Case {
  Shape x, weight;
  Conv2dOptions options;
};

// Every kernel that has statistics, additions or pieces of its own, and what has none.
const Case kCases[] = {
    {{3, 6, 7, 24}, {96, 3, 1, 1}, {.groups = 8}},
    {{3, 20, 20, 96}, {24, 12, 1, 1}, {.groups = 8}},
    {{2, 9, 9, 12}, {48, 12, 1, 1}, {}},
    {{2, 9, 9, 64}, {32, 64, 1, 1}, {}},
    {{2, 9, 9, 128}, {64, 128, 1, 1}, {}},
    {{5, 12, 11, 24}, {24, 1, 3, 3}, {.padding = 1, .groups = 24}},
    {{5, 12, 11, 24}, {24, 1, 3, 3}, {.stride = 2, .padding = 1, .groups = 24}},
    {{3, 20, 20, 3}, {12, 3, 3, 3}, {.stride = 2, .padding = 1}},
    {{2, 8, 8, 8}, {16, 4, 3, 3}, {.padding = 1, .groups = 2}},
};

TEST(Conv2dBatchNorm, AgreesWithTheTwoOpsOnEveryTarget) {
  for (const std::string& target : kernels::simd_targets()) {
    kernels::set_simd_target(target);
    for (const auto& [x, weight, options] : kCases)
      for (const Activation activation : {Activation::none, Activation::relu}) {
        const int64_t out = weight[0];
        std::vector<Tensor> in = {randn(x, Rng(1)), randn(weight, Rng(2)), randn({out}, Rng(3)),
                                  randn({out}, Rng(4))};
        for (const bool adds : {false, true}) {
          SCOPED_TRACE(concat(target, " ", x, " ", weight, adds ? " + residual" : ""));
          if (adds) in.push_back(randn(conv2d(in[0], in[1], {}, options).shape(), Rng(5)));
          BatchStatistics one_statistics, two_statistics;
          // x is used again later: its gradient has a term before the convolution adds its own.
          const auto twice = [](const auto& y, const auto& t) {
            return sum(y * y * y) + sum(t[0] * t[0]);
          };
          const Derivatives one = differentiate(
                                [&](const auto&t) {
                                  return twice(conv2d_batch_norm(t[0], t[1], options, t[2], t[3],
                                                                 1e-5, &one_statistics, activation,
                                                                 adds ? t[4] : Tensor()),
                                               t);
                                },
                                in),
                            two = differentiate(
                                [&](const auto&t) {
                                  return twice(batch_norm(conv2d(t[0], t[1], {}, options), t[2],
                                                          t[3], 1e-5, &two_statistics, activation,
                                                          adds ? t[4] : Tensor()),
                                               t);
                                },
                                in);
          EXPECT_LT(relative_difference(one.output, two.output), 1e-5);
          EXPECT_LT(relative_difference(one_statistics.mean, two_statistics.mean), 3e-6);
          EXPECT_LT(relative_difference(one_statistics.variance, two_statistics.variance), 3e-6);
          for (size_t i = 0; i < in.size(); ++i)
            EXPECT_LT(relative_difference(one.gradients[i], two.gradients[i]), 2e-5) << i;
        }
      }
  }
  kernels::set_simd_target("");
}

TEST(Conv2dBatchNorm, SameBitsForEveryThreadCount) {
  const int before = threads();
  for (const auto& [x, weight, options] : kCases) {
    SCOPED_TRACE(concat(x, " ", weight));
    const int64_t out = weight[0];
    const bool own_kernels = weight[2] == 1 && weight[1] < 64;  // not the library
    std::vector<Derivatives> runs;
    for (const int count : {1, 2, 3}) {
      set_threads(count);
      runs.push_back(differentiate(
          [&](const auto& t) {
            return conv2d_batch_norm(t[0], t[1], options, t[2], t[3], 1e-5, nullptr,
                                     Activation::relu);
          },
          {randn(x, Rng(1)), randn(weight, Rng(2)), randn({out}, Rng(3)), randn({out}, Rng(4))}));
    }
    set_threads(before);
    for (const Derivatives& run : runs) {
      EXPECT_EQ(run.output.to_vector<float>(), runs[0].output.to_vector<float>());
      for (size_t i = own_kernels ? 0 : 2; i < 4; ++i)
        EXPECT_EQ(run.gradients[i].to_vector<float>(), runs[0].gradients[i].to_vector<float>());
    }
  }
}

TEST(Conv2dBatchNorm, ErrorsNameShapesAndRule) {
  const Tensor x({2, 3, 3, 4}), weight({6, 4, 1, 1}), four({4}), six({6});
  expect_error([&] { conv2d_batch_norm(x, six, {}, six, six, 1e-5); }, {"weight is [6] f32"});
  expect_error([&] { conv2d_batch_norm(x, weight, {}, four, six, 1e-5); },
               {"gamma is [4] f32", "[6]"});
  expect_error(
      [&] { conv2d_batch_norm(x, weight, {}, six, six, 1e-5, nullptr, Activation::none, x); },
      {"residual is [2, 3, 3, 4] f32", "[2, 3, 3, 6]"});
}

}  // namespace
}  // namespace papilio
