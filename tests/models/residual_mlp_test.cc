#include "papilio/models/residual_mlp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "papilio/core/ops.h"
#include "papilio/core/random.h"
#include "papilio/core/tape.h"
#include "papilio/models/registry.h"

namespace papilio::models {
namespace {

constexpr int64_t kSide = 6, kFeatures = 20;

ResidualMlpOptions options(const std::string& hidden) {
  return {.height = kSide,
          .width = kSide,
          .hidden = hidden,
          .features = kFeatures,
          .depth = 2,
          .classes = 3,
          .statistics = {}};
}

TEST(ResidualMlp, TrainsAndIsMadeAgain) {
  for (const std::string hidden : {"dense", "kmatrix", "bpbp-complex", "low-rank:2"}) {
    ResidualMlp net(options(hidden), Rng(1));
    Tensor labels({4}, DType::i64);
    for (int64_t i = 0; i < 4; ++i) labels.mutable_data<int64_t>()[i] = i % 3;
    Tape tape;
    tape.backward(cross_entropy(net(rand_uniform({4, kSide, kSide, 3}, 0, 1, Rng(2))), labels));
    for (const Parameter& p : net.parameters()) EXPECT_TRUE(p.gradient().defined()) << p.name();
    EXPECT_EQ(make("residual_mlp", net.config())->describe(), net.describe());
    EXPECT_EQ(registered_name(net), "residual_mlp");
  }
}

// By hand: every layer, norm, head.
TEST(ResidualMlp, ParameterCounts) {
  const int64_t inputs = kSide * kSide * 3;
  EXPECT_EQ(ResidualMlp(options("dense"), Rng(1)).parameter_count(),
            inputs * kFeatures + 2 * kFeatures * kFeatures + 3 * kFeatures + 3 * 2 * kFeatures +
                kFeatures * 3 + 3);
}

// A dense layer of f features takes 2 f inputs flops, and f for the bias.
TEST(ResidualMlp, DenseFeaturesAtTheFlopsOfAnother) {
  ResidualMlpOptions dense = options("dense");
  EXPECT_EQ(ResidualMlp::features_at_flops_of("dense", dense), kFeatures);
  const int64_t inputs = kSide * kSide * 3, rank = 2;
  const auto flops = [&](int64_t f) { return 2 * f * inputs + 2 * 2 * f * f + 3 * f; };
  const int64_t low_rank =
      2 * rank * (inputs + kFeatures) + 2 * 2 * rank * 2 * kFeatures + 3 * kFeatures;
  const int64_t found = ResidualMlp::features_at_flops_of("low-rank:2", dense);
  EXPECT_LE(flops(found), low_rank + 2 * 3 * kFeatures);
  EXPECT_GE(flops(found + 1), low_rank - 2 * 3 * kFeatures);
}

TEST(ResidualMlp, NamesWhatIsWrong) {
  ResidualMlpOptions wrong = options("dense");
  wrong.depth = -1;
  EXPECT_THROW(ResidualMlp(wrong, Rng(1)), Error);
  ResidualMlp net(options("dense"), Rng(1));
  try {
    net(Tensor::zeros({2, kSide, kSide + 1, 3}));
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), ::testing::HasSubstr("[2, 6, 7, 3], expected [batch, 6, 6, 3]"));
  }
}

}  // namespace
}  // namespace papilio::models
