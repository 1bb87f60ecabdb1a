#include "papilio/models/resnet.h"

#include <gtest/gtest.h>

#include "papilio/core/ops.h"
#include "papilio/core/random.h"
#include "papilio/core/tape.h"
#include "papilio/models/registry.h"

namespace papilio::models {
namespace {

// 11,173,962 are those of the usual ResNet-18 for CIFAR-10; the extra layer has the papers' 8,176
// (Dao et al. 2019, Table 2) and a bias.
TEST(ResNet, ParameterCounts) {
  EXPECT_EQ(ResNet({.statistics = {}}, Rng(1)).parameter_count(), 11'173'962);
  ResNet with_bpbp({.extra = "bpbp-complex", .statistics = {}}, Rng(1));
  EXPECT_EQ(with_bpbp.extra_parameters(), 8'176);
  EXPECT_EQ(with_bpbp.parameter_count(), 11'173'962 + 8'176 + 512);
}

TEST(ResNet, TrainsAndIsMadeAgain) {
  for (const std::string extra : {"none", "dense", "bpbp"}) {
    ResNet net({.classes = 3, .extra = extra, .channels = 4, .statistics = {}}, Rng(1));
    Tensor labels({2}, DType::i64);
    labels.mutable_data<int64_t>()[0] = 2;
    labels.mutable_data<int64_t>()[1] = 0;
    Tape tape;
    tape.backward(cross_entropy(net(rand_uniform({2, 16, 16, 3}, 0, 1, Rng(2))), labels));
    for (const Parameter& p : net.parameters()) EXPECT_TRUE(p.gradient().defined()) << p.name();
    EXPECT_EQ(make("resnet", net.config())->describe(), net.describe());
    EXPECT_EQ(registered_name(net), "resnet");
  }
}

}  // namespace
}  // namespace papilio::models
