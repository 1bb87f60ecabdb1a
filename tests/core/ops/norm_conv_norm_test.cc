#include "papilio/core/kernels/simd.h"
#include "papilio/core/threads.h"
#include "papilio/tests/core/ops/gradient_check_table.h"
#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio::testing {
namespace {

// x[0] through the norm of x[1] and x[2], the convolution by x[3] and the norm of x[4] and x[5];
// x[6] is a residual if there is one.
auto composed(int64_t groups, Activation activation = Activation::none) {
  return [groups, activation](auto x) {
    return norm_conv_norm(x[0], {x[1], x[2], 0.1}, x[3], groups, {x[4], x[5], 0.2}, activation,
                          x.size() > 6 ? x[6] : Tensor());
  };
}
// The input is the residual too, so that its gradient has two terms.
Tensor residual_block(std::span<const Tensor> x) {
  return norm_conv_norm(x[0], {x[1], x[2], 0.1}, x[3], 2, {x[4], x[5], 0.2}, Activation::relu,
                        x[0]);
}

const GradientRows rows = {
    {"norm_conv_norm",
     "plain",
     {real({2, 3, 3, 3}), real({3}), real({3}), real({4, 3, 1, 1}), real({4}), real({4})},
     composed(1)},
    {"norm_conv_norm",
     "groups_relu",
     {real({2, 3, 3, 4}), real({4}), real({4}), real({6, 2, 1, 1}), real({6}), real({6})},
     composed(2, Activation::relu)},
    {"norm_conv_norm",
     "groups_residual_relu",
     {real({2, 3, 2, 4}), real({4}), real({4}), real({6, 2, 1, 1}), real({6}), real({6}),
      real({2, 3, 2, 6})},
     composed(2, Activation::relu)},
    {"norm_conv_norm",
     "residual_block",
     {real({2, 3, 3, 4}), real({4}), real({4}), real({4, 2, 1, 1}), real({4}), real({4})},
     residual_block},
};

}  // namespace
}  // namespace papilio::testing

namespace papilio {
namespace {

struct Case {
  Shape x;
  int64_t out, groups;
};

// Our own kernel and the library's, whole vectors and not, one pixel more than a block.
const Case kCases[] = {
    {{3, 6, 7, 24}, 96, 8},   {{5, 11, 10, 48}, 192, 8}, {{3, 20, 20, 96}, 48, 8},
    {{2, 9, 9, 12}, 48, 1},   {{2, 9, 9, 64}, 256, 1},   {{1, 1, 3, 6}, 9, 3},
    {{2, 7, 7, 192}, 768, 8}, {{2, 5, 7, 40}, 200, 2},   {{1, 33, 16, 18}, 30, 6},
};

std::vector<Tensor> inputs(const Case& c, bool adds) {
  const int64_t in = c.x[3], out = c.out;
  std::vector<Tensor> t = {randn(c.x, Rng(1)) + Tensor::full(c.x, 2, DType::f32),
                           randn({in}, Rng(2)),
                           randn({in}, Rng(3)),
                           randn({out, in / c.groups, 1, 1}, Rng(4)),
                           randn({out}, Rng(5)),
                           randn({out}, Rng(6))};
  if (adds) t.push_back(randn({c.x[0], c.x[1], c.x[2], out}, Rng(7)));
  return t;
}

std::vector<Tensor> doubles(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> wide;
  for (const Tensor& t : tensors) wide.push_back(t.to(DType::f64));
  return wide;
}

struct Statistics {
  BatchStatistics before, after;
};

Tensor in_one(std::span<const Tensor> t, const Case& c, Activation activation, Statistics& s) {
  return norm_conv_norm(t[0], {t[1], t[2], 1e-5, &s.before}, t[3], c.groups,
                        {t[4], t[5], 1e-5, &s.after}, activation, t.size() > 6 ? t[6] : Tensor());
}
Tensor one_by_one(std::span<const Tensor> t, const Case& c, Activation activation, Statistics& s) {
  return batch_norm(
      conv2d(batch_norm(t[0], t[1], t[2], 1e-5, &s.before), t[3], {}, {.groups = c.groups}), t[4],
      t[5], 1e-5, &s.after, activation, t.size() > 6 ? t[6] : Tensor());
}

TEST(NormConvNorm, AgreesWithTheThreeOpsOnEveryTarget) {
  for (const std::string& target : kernels::simd_targets()) {
    kernels::set_simd_target(target);
    for (const Case& c : kCases)
      for (const Activation activation : {Activation::none, Activation::relu})
        for (const bool adds : {false, true}) {
          SCOPED_TRACE(
              concat(target, " ", c.x, " to ", c.out, " in ", c.groups, adds ? " + residual" : ""));
          const auto in = inputs(c, adds);
          // The result is used twice: nobody may write over its gradient.
          const auto loss = [](const Tensor& y) { return sum(y * y * y) + sum(y); };
          Statistics ours, theirs;
          const Derivatives one = differentiate(
                                [&](const auto&t) { return loss(in_one(t, c, activation, ours)); },
                                in),
                            exact = differentiate(
                                [&](const auto&t) {
                                  return loss(one_by_one(t, c, activation, theirs));
                                },
                                doubles(in));
          EXPECT_LT(relative_difference(one.output, exact.output), 1e-5);
          for (const auto norm : {&Statistics::before, &Statistics::after})
            for (const auto value : {&BatchStatistics::mean, &BatchStatistics::variance})
              EXPECT_LT(relative_difference(ours.*norm.*value, theirs.*norm.*value), 3e-6);
          // The norm behind them makes the gradients of gamma and the weight small differences of
          // large sums, in one op or in three.
          for (const size_t i : {0, 1, 3, 4, 5, 6})
            if (i < in.size()) {
              EXPECT_LT(relative_difference(one.gradients[i], exact.gradients[i]),
                        i == 1 || i == 3 ? 2e-4 : 2e-5)
                  << i;
            }
          EXPECT_EQ(one.gradients[2].to_vector<float>(),  // zero, but for the rounding of others
                    std::vector<float>(static_cast<size_t>(c.x[3])));
        }
  }
  kernels::set_simd_target("");
}

TEST(NormConvNorm, SameBitsForEveryThreadCount) {
  const int before = threads();
  for (const Case& c : kCases) {
    SCOPED_TRACE(concat(c.x, " to ", c.out, " in ", c.groups));
    std::vector<Derivatives> runs;
    for (const int count : {1, 2, 3}) {
      set_threads(count);
      runs.push_back(differentiate(
          [&](const auto& t) {
            Statistics s;
            return in_one(t, c, Activation::relu, s);
          },
          inputs(c, true)));
    }
    set_threads(before);
    if (c.groups == 1) continue;  // the library's
    for (const Derivatives& run : runs) {
      EXPECT_EQ(run.output.to_vector<float>(), runs[0].output.to_vector<float>());
      for (size_t i = 0; i < run.gradients.size(); ++i)
        EXPECT_EQ(run.gradients[i].to_vector<float>(), runs[0].gradients[i].to_vector<float>());
    }
  }
}

// Channels that have a large mean, that are constant, and that are copies of each other.
TEST(NormConvNorm, HoldsWhereChannelsAreOddTogether) {
  const Case c{{4, 9, 9, 12}, 24, 2};
  auto in = inputs(c, false);
  float* x = in[0].mutable_data<float>();
  for (int64_t i = 0; i < in[0].numel(); i += 12) {
    x[i] += 1000;
    x[i + 1] = 3;
    x[i + 2] = 0;
    x[i + 4] = x[i + 3];
  }
  using Run = Tensor(std::span<const Tensor>, const Case&, Activation, Statistics&);
  const auto run = [&](Run op, const std::vector<Tensor>& t) {
    return differentiate(
        [&](const auto& u) {
          Statistics s;
          const Tensor y = op(u, c, Activation::relu, s);
          return sum(y * y * y);
        },
        t);
  };
  const Derivatives narrow = run(in_one, in), exact = run(in_one, doubles(in)),
                    expected = run(one_by_one, doubles(in));
  EXPECT_LT(relative_difference(exact.output, expected.output), 1e-10);
  EXPECT_LT(relative_difference(narrow.output, expected.output), 1e-4);
  for (size_t i = 0; i < in.size(); ++i) {
    if (i == 2) continue;
    EXPECT_LT(relative_difference(exact.gradients[i], expected.gradients[i]), 1e-9) << i;
    EXPECT_LT(relative_difference(narrow.gradients[i], expected.gradients[i]), 1e-3) << i;
  }
}

TEST(NormConvNorm, ErrorsNameShapesAndRule) {
  const Tensor x({2, 3, 3, 4}), weight({6, 4, 1, 1}), four({4}), six({6});
  const auto run = [&](const Tensor& gamma, const Tensor& w, const Tensor& gamma_after,
                       const Tensor& residual) {
    return [=] {
      norm_conv_norm(x, {gamma, gamma, 1e-5}, w, 1, {gamma_after, gamma_after, 1e-5},
                     Activation::none, residual);
    };
  };
  expect_error(run(six, weight, six, {}), {"gamma is [6] f32", "[4]"});
  expect_error(run(four, weight, four, {}), {"gamma is [4] f32", "[6]"});
  expect_error(run(four, Tensor({6, 4, 3, 3}), six, {}), {"[6, 4, 3, 3] is not 1x1"});
  expect_error(run(four, weight, six, x), {"residual is [2, 3, 3, 4] f32", "[2, 3, 3, 6]"});
}

}  // namespace
}  // namespace papilio
