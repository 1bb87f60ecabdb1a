#include "papilio/models/budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "papilio/core/random.h"
#include "papilio/tests/core/error_of.h"

namespace papilio::models {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Budget, IsReadFromText) {
  using Kind = Budget::Kind;
  const std::tuple<const char*, Kind, double> valid[] = {{"params=10%", Kind::parameters, 0.1},
                                                         {"params=0.1", Kind::parameters, 0.1},
                                                         {"params=2.5%", Kind::parameters, 0.025},
                                                         {"error=0.02", Kind::error, 0.02},
                                                         {"latency=0.5", Kind::latency, 0.5}};
  for (const auto& [text, kind, limit] : valid) {
    const Budget budget = Budget::parse(text);
    EXPECT_EQ(budget.kind, kind) << text;
    EXPECT_DOUBLE_EQ(budget.limit, limit) << text;
  }
  EXPECT_EQ(text(Budget::parse("params=0.1")), "params=10%");
  EXPECT_EQ(text(Budget::parse("error=0.02")), "error=0.02");
  for (const char* wrong : {"", "params", "params=", "params=x", "params=1x", "size=3", "=0.1"})
    EXPECT_THAT(error_of([&] { Budget::parse(wrong); }),
                AllOf(HasSubstr(concat("'", wrong, "'")), HasSubstr("latency=SHARE")))
        << wrong;
  for (const char* wrong : {"params=0", "params=100%", "error=-1", "latency=1.5", "error=nan"})
    EXPECT_THAT(error_of([&] { Budget::parse(wrong); }), HasSubstr("between 0 and 1")) << wrong;
}

TEST(Choose, TakesTheLeastError) {
  const std::vector<std::vector<LayerOption>> layers = {{{10, 0}, {4, 0.5}, {1, 0.9}},
                                                        {{10, 0}, {5, 0.1}}};
  EXPECT_THAT(*choose(layers, 20), ElementsAre(0, 0));
  EXPECT_THAT(*choose(layers, 15), ElementsAre(0, 1));
  EXPECT_THAT(*choose(layers, 14), ElementsAre(1, 0));
  EXPECT_THAT(*choose(layers, 9), ElementsAre(1, 1));
  EXPECT_THAT(*choose(layers, 6), ElementsAre(2, 1));
  EXPECT_FALSE(choose(layers, 5.9));
  EXPECT_TRUE(choose({}, 0)->empty());
}

TEST(Choose, IsAsGoodAsTryingAll) {
  const Rng rng(3);
  for (uint64_t trial = 0; trial < 40; ++trial) {
    std::vector<std::vector<LayerOption>> layers(3);
    for (uint64_t i = 0; i < 3; ++i)
      for (uint64_t j = 0; j < 6; ++j) {
        const Rng draw = rng.split(trial).split(i).split(j);
        layers[i].push_back({10 * std::abs(draw.normal(0)), std::abs(draw.normal(1))});
      }
    double best = 1e9;
    const double limit = 18;
    for (const auto& a : layers[0])
      for (const auto& b : layers[1])
        for (const auto& c : layers[2])
          if (a.cost + b.cost + c.cost <= limit)
            best = std::min(best, a.error * a.error + b.error * b.error + c.error * c.error);
    const auto chosen = choose(layers, limit);
    ASSERT_EQ(chosen.has_value(), best < 1e9);
    if (!chosen) continue;
    double squares = 0;
    for (size_t i = 0; i < 3; ++i) squares += std::pow(layers[i][(*chosen)[i]].error, 2);
    EXPECT_NEAR(squares, best, 1e-12);
  }
}

TEST(Choose, ManyLayersOfManyOptions) {
  std::vector<std::vector<LayerOption>> layers(12);
  for (auto& options : layers)
    for (int rank = 1; rank <= 512; ++rank)
      options.push_back({static_cast<double>(rank), std::pow(0.99, rank)});
  const auto chosen = choose(layers, 1200);
  ASSERT_TRUE(chosen);
  double cost = 0, squares = 0;
  for (const size_t option : *chosen)
    cost += layers[0][option].cost, squares += std::pow(layers[0][option].error, 2);
  EXPECT_LE(cost, 1200);
  EXPECT_LT(squares, 1.02 * 12 * std::pow(0.99, 200));
}

}  // namespace
}  // namespace papilio::models
