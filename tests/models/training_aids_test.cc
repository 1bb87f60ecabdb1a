#include "papilio/models/training_aids.h"

#include <gtest/gtest.h>

#include <cmath>

#include "papilio/core/gradient_check.h"
#include "papilio/tests/core/error_of.h"

namespace papilio::models {
namespace {

TEST(MixUp, MixesEveryImageWithItsPartner) {
  const Tensor images = Tensor::from<float>({0, 10, 20, 30}),
               labels = Tensor::from<int64_t>({0, 1, 2, 3});
  const MixedBatch mixed = mix_up(images, labels, 0.5, Rng(3));
  ASSERT_GE(mixed.share, 0);
  ASSERT_LE(mixed.share, 1);
  for (int64_t i = 0; i < 4; ++i) {
    const double partner = 10.0 * static_cast<double>(mixed.second.data<int64_t>()[i]);
    EXPECT_NEAR(mixed.images.data<float>()[i],
                mixed.share * 10.0 * static_cast<double>(i) + (1 - mixed.share) * partner, 1e-5);
  }
  EXPECT_EQ(mixed.labels.to_vector<int64_t>(), labels.to_vector<int64_t>());
  EXPECT_FALSE(mix_up(images, labels, 0, Rng(3)).second.defined());
}

// Beta(a, a) has mean 1/2 and variance 1 / (8 a + 4).
TEST(MixUp, SharesHaveTheMomentsOfTheBetaDistribution) {
  for (const double alpha : {0.2, 1.0, 4.0}) {
    double sum = 0, squares = 0;
    constexpr int kCount = 20000;
    for (int i = 0; i < kCount; ++i) {
      const double share = mix_up(Tensor::from<float>({0}), Tensor::from<int64_t>({0}), alpha,
                                  Rng(1).split(static_cast<uint64_t>(i)))
                               .share;
      sum += share, squares += (share - 0.5) * (share - 0.5);
    }
    EXPECT_NEAR(sum / kCount, 0.5, 0.01) << alpha;
    EXPECT_NEAR(squares / kCount, 1 / (8 * alpha + 4), 0.005) << alpha;
  }
}

TEST(Distillation, IsTheCrossEntropyOfSoftenedProbabilities) {
  const Tensor logits = Tensor::from<double>(std::vector<double>{1, 2, 0, -1, 0, 3}, {2, 3}),
               teacher = Tensor::from<double>(std::vector<double>{0, 1, 0, 2, 2, 0}, {2, 3});
  const double t = 2;
  double expected = 0;
  for (int r = 0; r < 2; ++r) {
    double zs = 0, zt = 0;
    for (int c = 0; c < 3; ++c) {
      zs += std::exp(logits.data<double>()[3 * r + c] / t);
      zt += std::exp(teacher.data<double>()[3 * r + c] / t);
    }
    for (int c = 0; c < 3; ++c)
      expected -= std::exp(teacher.data<double>()[3 * r + c] / t) / zt *
                  (logits.data<double>()[3 * r + c] / t - std::log(zs)) / 2;
  }
  EXPECT_NEAR(distillation_loss(logits, teacher, t).item(), t * t * expected, 1e-12);
  const auto check = check_gradient([&](auto x) { return distillation_loss(x[0], teacher, t); },
                                    std::span(&logits, 1));
  EXPECT_TRUE(check.ok) << check.message;
  EXPECT_NE(error_of([&] {
              distillation_loss(logits, Tensor({2, 4}), t);
            }).find("[batch, classes]"),
            std::string::npos);
}

TEST(WeightAverage, FollowsTheParametersAndSwapsWithThem) {
  Parameter p(Tensor::from<float>({1, 2}));
  p.set_name("p");
  WeightAverage average({p}, 0.5);
  p.mutable_value().assign(Tensor::from<float>({3, 6}));
  average.update(1);  // decay (1 + 1) / (10 + 1)
  average.swap();
  EXPECT_NEAR(p.value().data<float>()[0], 1 + 9.0 / 11 * 2, 1e-6);
  EXPECT_NEAR(p.value().data<float>()[1], 2 + 9.0 / 11 * 4, 1e-6);
  average.swap();
  EXPECT_EQ(p.value().to_vector<float>(), (std::vector<float>{3, 6}));
  average.update(1000);
  average.for_each_state([](const std::string& name, Tensor& value) {
    EXPECT_EQ(name, "average.p");
    EXPECT_NEAR(value.data<float>()[0], (1 + 9.0 / 11 * 2 + 3) / 2, 1e-6);
  });
}

}  // namespace
}  // namespace papilio::models
