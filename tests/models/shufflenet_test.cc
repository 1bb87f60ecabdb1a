#include "papilio/models/shufflenet.h"

#include <gtest/gtest.h>

#include "papilio/core/ops.h"
#include "papilio/core/random.h"
#include "papilio/core/tape.h"
#include "papilio/layers/channel_mixers.h"
#include "papilio/models/registry.h"
#include "papilio/tests/core/error_of.h"

namespace papilio::models {
namespace {

int64_t parameters(double width, const std::string& mixer) {
  return ShuffleNet({.width = width, .mixer = mixer, .statistics = {}}, Rng(1)).parameter_count();
}

// The counts of the papers' code, Dao et al. 2020, Table 6.
TEST(ShuffleNet, ParameterCountsAreThePapers) {
  EXPECT_EQ(parameters(0.25, "shuffle"), 460'552);
  EXPECT_EQ(parameters(0.5, "shuffle"), 1'035'640);
  EXPECT_EQ(parameters(1, "shuffle"), 2'531'536);
  EXPECT_EQ(parameters(0.25, "kmatrix"), 460'552 + 46'368);
  EXPECT_EQ(parameters(0.5, "kmatrix"), 1'035'640 + 103'248);
  EXPECT_EQ(parameters(1, "kmatrix"), 2'531'536 + 227'520);
  EXPECT_EQ(parameters(0.5, "hadamard"), 1'035'640);
  EXPECT_EQ(parameters(0.5, "none"), 1'035'640);
}

TEST(ShuffleNet, EveryVariantTrains) {
  for (const std::string& mixer : shufflenet_mixers())
    for (const int64_t groups : {1, 2, 3, 4, 8})
      for (const int64_t size : {32, 64}) {
        ShuffleNet net({.classes = 5,
                        .width = 0.25,
                        .groups = groups,
                        .mixer = mixer,
                        .image_size = size,
                        .ungrouped_stage2 = groups != 4,
                        .statistics = {}},
                       Rng(2));
        const Tensor x = rand_uniform({2, size, size, 3}, 0, 1, Rng(3));
        Tensor labels({2}, DType::i64);
        labels.mutable_data<int64_t>()[0] = 1;
        labels.mutable_data<int64_t>()[1] = 4;
        Tape tape;
        const Tensor logits = net(x);
        ASSERT_EQ(logits.shape(), (Shape{2, 5}));
        tape.backward(cross_entropy(logits, labels));
        for (const Parameter& p : net.parameters())
          ASSERT_TRUE(p.gradient().defined()) << mixer << ", groups " << groups << ": " << p.name();
      }
}

TEST(ShuffleNet, StemFollowsTheImageSize) {
  EXPECT_EQ(shufflenet_stem(32).stride, 1);
  EXPECT_FALSE(shufflenet_stem(32).pool);
  EXPECT_EQ(shufflenet_stem(64).stride, 2);
  EXPECT_FALSE(shufflenet_stem(64).pool);
  EXPECT_EQ(shufflenet_stem(224).stride, 2);
  EXPECT_TRUE(shufflenet_stem(224).pool);
}

TEST(ShuffleNet, DepthwiseNormAndStructuredWeightsDontDecay) {
  ShuffleNet net({.width = 0.25, .mixer = "kmatrix", .statistics = {}}, Rng(1));
  for (const Parameter& p : net.parameters()) {
    const bool decays = p.name().ends_with("reduce.weight") ||
                        p.name().ends_with("expand.weight") || p.name() == "conv1.weight" ||
                        p.name() == "head.weight";
    EXPECT_EQ(p.hints().weight_decay, decays) << p.name();
  }
}

TEST(ShuffleNet, IsMadeAgainFromItsConfig) {
  ShuffleNet net({.classes = 7,
                  .width = 0.5,
                  .groups = 4,
                  .mixer = "kmatrix",
                  .image_size = 64,
                  .ungrouped_stage2 = false,
                  .statistics = {}},
                 Rng(1));
  const auto again = make("shufflenet", net.config());
  EXPECT_EQ(again->describe(), net.describe());
  EXPECT_EQ(again->parameter_count(), net.parameter_count());
  EXPECT_EQ(registered_name(net), "shufflenet");
}

TEST(ShuffleNet, BadOptionsAreErrors) {
  const auto error = [](const ShuffleNetOptions& o) {
    return error_of([&] { ShuffleNet(o, Rng(1)); });
  };
  EXPECT_NE(error({.groups = 5, .statistics = {}}).find("1, 2, 3, 4 and 8"), std::string::npos);
  EXPECT_NE(error({.width = 0, .statistics = {}}).find("width"), std::string::npos);
  EXPECT_NE(error({.mixer = "x", .statistics = {}}).find("hadamard"), std::string::npos);
  EXPECT_NE(error({.image_size = 8, .statistics = {}}).find("image size"), std::string::npos);
}

TEST(ChannelShuffle, TransposesTheGroups) {
  ChannelShuffle shuffle(6, 2);
  Tensor x({1, 6}, DType::f32);
  for (int i = 0; i < 6; ++i) x.mutable_data<float>()[i] = static_cast<float>(i);
  const Tensor y = shuffle(x);
  const float expected[] = {0, 3, 1, 4, 2, 5};
  for (int i = 0; i < 6; ++i) EXPECT_EQ(y.data<float>()[i], expected[i]);
}

TEST(ChannelHadamard, IsOrthonormalAndPadded) {
  ChannelHadamard mix(3);
  const Tensor x = Tensor::full({1, 3}, 1);
  const Tensor y = mix(x);  // of size 4: rows 1 1 1 1, 1 -1 1 -1, 1 1 -1 -1, halved
  EXPECT_NEAR(y.data<float>()[0], 1.5, 1e-6);
  EXPECT_NEAR(y.data<float>()[1], 0.5, 1e-6);
  EXPECT_NEAR(y.data<float>()[2], 0.5, 1e-6);
}

}  // namespace
}  // namespace papilio::models
