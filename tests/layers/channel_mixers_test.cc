#include "papilio/layers/channel_mixers.h"

#include <gmock/gmock.h>

#include <numeric>

#include "papilio/core/gradient_check.h"
#include "papilio/core/ops.h"
#include "papilio/core/tape.h"
#include "papilio/tests/core/error_of.h"

namespace papilio {
namespace {

using ::testing::HasSubstr;

double largest_difference(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  double worst = 0;
  for (int64_t i = 0; i < a.numel(); ++i)
    worst = std::max(worst, std::abs(a.data<double>()[i] - b.data<double>()[i]));
  return worst;
}

KMatrix mixer(int64_t channels, int seed) {
  return {channels, channels, {.orthogonal = true, .bias = false, .dtype = DType::f64}, Rng(seed)};
}

TEST(KMatrix, TransposedMultiplyIsThatOfTheDenseTransposition) {
  for (const auto& [in, out] : {std::pair{1, 1}, {3, 3}, {24, 24}, {5, 7}, {30, 20}})
    for (const bool orthogonal : {false, true}) {
      KMatrix layer(in, out, {.width = 2, .orthogonal = orthogonal, .dtype = DType::f64}, Rng(1));
      const Tensor x = randn({4, out}, Rng(2), DType::f64);
      EXPECT_LT(largest_difference(layer.multiply_transposed(x), matmul(x, layer.to_dense())),
                1e-12);
    }
  KMatrix stacked(4, 9, {}, Rng(1));
  EXPECT_THAT(error_of([&] {
                stacked.multiply_transposed(randn({1, 9}, Rng(1)));
              }),
              HasSubstr("3 stacks"));
}

TEST(UngroupedWeight, IsTheSameConvolution) {
  for (const int64_t groups : {1, 2, 3}) {
    const Tensor x = randn({2, 5, 4, 6}, Rng(1), DType::f64),
                 w = randn({12, 6 / groups, 3, 3}, Rng(2), DType::f64);
    EXPECT_LT(largest_difference(conv2d(x, w, {}, {.padding = 1, .groups = groups}),
                                 conv2d(x, ungrouped_weight(w, groups), {}, {.padding = 1})),
              1e-13);
    if (groups == 1) continue;  // the weight itself
    const Tensor inputs[] = {w};
    const auto report = check_gradient(
        [&](std::span<const Tensor> in) { return ungrouped_weight(in[0], groups); }, inputs);
    EXPECT_TRUE(report.ok) << report.message;
  }
  EXPECT_THAT(error_of([] {
                ungrouped_weight(randn({4, 2, 1, 1}, Rng(1)), 3);
              }),
              HasSubstr("in 3 groups"));
}

// One convolution, and the K-matrix with the convolution after it: equal outputs and gradients of
// x, angles, diagonal and weight.
TEST(ComposedMixer, IsTheSameFunctionWithTheSameGradients) {
  for (const int64_t groups : {1, 4}) {
    KMatrix mix = mixer(24, 1);
    Conv2d next(24, 8, 1, {.groups = groups, .bias = false, .dtype = DType::f64}, Rng(2));
    std::vector<Parameter> parameters = mix.parameters();
    parameters.push_back(next.weight());
    const Parameter input(randn({2, 3, 3, 24}, Rng(3), DType::f64));
    parameters.push_back(input);
    const Tensor dy = randn({2, 3, 3, 8}, Rng(4), DType::f64);
    const auto run = [&](const std::function<Tensor()>& f) {
      std::vector<Tensor> all;
      for (Parameter& p : parameters) p.clear_gradient();
      Tape tape;
      const Tensor y = f();
      all.push_back(y.detach());
      tape.backward(y, dy);
      for (const Parameter& p : parameters) all.push_back(p.gradient());
      return all;
    };
    const ComposedMixer composed;
    const auto one = run([&] { return conv2d(input, composed.weight(mix, next), {}, {}); }),
               two = run([&] { return next(mix(input)); });
    for (size_t i = 0; i < one.size(); ++i)
      EXPECT_LT(largest_difference(one[i], two[i]), 1e-12) << i;

    const Tensor x = input.value();
    EXPECT_LT(largest_difference(conv2d(x, composed.weight(mix), {}, {}), mix(x)), 1e-12);
    // Without a tape it is kept, until a parameter changes.
    EXPECT_TRUE(composed.weight(mix, next).shares_storage_with(composed.weight(mix, next)));
    parameters[0].mutable_value().mutable_data<double>()[0] += 1;
    EXPECT_LT(largest_difference(conv2d(x, composed.weight(mix, next), {}, {}), next(mix(x))),
              1e-12);
  }
}

TEST(ComposedMixer, PaysForSmallMatrices) {
  EXPECT_TRUE(ComposedMixer::pays(mixer(24, 1), 24));
  EXPECT_TRUE(ComposedMixer::pays(mixer(48, 1), 48));
  EXPECT_TRUE(ComposedMixer::pays(mixer(384, 1), 96));
  EXPECT_FALSE(ComposedMixer::pays(mixer(1536, 1), 384));
  EXPECT_FALSE(ComposedMixer::pays(KMatrix(24, 40, {}, Rng(1)), 24));
  EXPECT_TRUE(ComposedMixer::pays(mixer(192, 1), 48, ComposedMixer::Use::inference));
  EXPECT_FALSE(ComposedMixer::pays(mixer(384, 1), 96, ComposedMixer::Use::inference));
}

TEST(KMatrix, BeginsAsAPermutation) {
  for (const int64_t channels : {1, 2, 3, 24, 64, 100}) {
    const std::vector<int64_t> v = Rng(5).permutation(channels);
    KMatrix layer(channels, channels,
                  {.orthogonal = true, .bias = false, .dtype = DType::f64, .permutation = v},
                  Rng(1));
    const Tensor x = randn({3, channels}, Rng(2), DType::f64);
    EXPECT_LT(largest_difference(layer(x), gather(x, Tensor::from(v, {channels}))), 1e-14)
        << channels;
  }
  const std::vector<int64_t> v = shuffle_permutation(24, 8);
  KMatrix layer(24, 24, {.orthogonal = true, .bias = false, .permutation = v}, Rng(1));
  const Tensor x = randn({3, 24}, Rng(2));
  const Tensor y = layer(x), shuffled = ChannelShuffle(24, 8)(x);
  for (int64_t i = 0; i < y.numel(); ++i)
    EXPECT_NEAR(y.data<float>()[i], shuffled.data<float>()[i], 1e-6);
  EXPECT_THAT(error_of([&] { KMatrix(24, 25, {.orthogonal = true, .permutation = v}, Rng(1)); }),
              HasSubstr("24 features for 24 in and 25 out"));
}

}  // namespace
}  // namespace papilio
