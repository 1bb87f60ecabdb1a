#include "papilio/apps/common/axis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "papilio/core/random.h"
#include "papilio/tests/core/error_of.h"

namespace papilio::apps {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> labels(const Axis& axis) {
  std::vector<std::string> all;
  for (const Tick& tick : axis.ticks) all.push_back(tick.label);
  return all;
}

TEST(Axis, LinearTicksAreRoundNumbers) {
  EXPECT_THAT(labels(linear_axis(0, 1, 6)), ElementsAre("0.0", "0.2", "0.4", "0.6", "0.8", "1.0"));
  EXPECT_THAT(labels(linear_axis(0.02, 0.98, 6)),
              ElementsAre("0.0", "0.2", "0.4", "0.6", "0.8", "1.0"));
  EXPECT_THAT(labels(linear_axis(82.5, 88.3, 8)), ElementsAre("83", "84", "85", "86", "87", "88"));
  EXPECT_THAT(labels(linear_axis(-30, 20, 5)), ElementsAre("-20", "0", "20"));
  EXPECT_THAT(labels(linear_axis(0.00021, 0.00079, 4)),
              ElementsAre("0.0002", "0.0004", "0.0006", "0.0008"));
  EXPECT_THAT(labels(linear_axis(0, 3e-7, 5)), ElementsAre("0", "1e-07", "2e-07", "3e-07"));
  EXPECT_THAT(labels(linear_axis(1e6, 3e6, 6)),
              ElementsAre("1.0e+06", "1.5e+06", "2.0e+06", "2.5e+06", "3.0e+06"));
}

TEST(Axis, EqualValuesLieInTheMiddle) {
  for (const double value : {0.02, -3.0, 0.0, 1e-12, 1e299, 5e17}) {
    const Axis axis = linear_axis(value, value, 5);
    EXPECT_NEAR(axis.position(value), 0.5, 1e-6) << value;
    EXPECT_GE(axis.ticks.size(), 2u) << value;
  }
  EXPECT_EQ(labels(linear_axis(0.02, 0.02, 5)).front(), "0.018");
}

TEST(Axis, IntegersHaveNoFractions) {
  EXPECT_THAT(labels(integer_axis(1, 3, 10)), ElementsAre("1", "2", "3"));
  EXPECT_THAT(labels(integer_axis(1, 1, 10)), ElementsAre("0", "1", "2"));
  EXPECT_THAT(labels(integer_axis(1, 60, 8)), ElementsAre("10", "20", "30", "40", "50", "60"));
  EXPECT_EQ(integer_axis(1, 60, 8).position(1), 0);
  EXPECT_EQ(integer_axis(1, 60, 8).position(60), 1);
}

TEST(Axis, LogarithmicTicks) {
  EXPECT_THAT(labels(logarithmic_axis(0.002, 300, 8)),
              ElementsAre("0.01", "0.1", "1", "10", "100"));
  EXPECT_THAT(labels(logarithmic_axis(0.12, 4, 8)), ElementsAre("0.2", "0.5", "1", "2"));
  EXPECT_THAT(labels(logarithmic_axis(0.3, 0.45, 5)), ElementsAre("0.30", "0.35", "0.40", "0.45"));
  EXPECT_LE(logarithmic_axis(1e-290, 1e290, 5).ticks.size(), 6u);
  const Axis axis = logarithmic_axis(1, 100, 5);
  EXPECT_NEAR(axis.position(10), 0.5, 1e-12);
  EXPECT_GT(axis.position(1), 0);
  EXPECT_LT(axis.position(100), 1);
}

// Whatever the range: the ticks rise, lie on the axis, are neither too many nor alike.
TEST(Axis, TicksOfAnyRange) {
  const Rng rng(1);
  for (uint64_t i = 0; i < 20000; ++i) {
    const double low = std::pow(10, 40 * rng.uniform(4 * i) - 20) * (i % 3 == 0 ? -1 : 1);
    const double high = low + std::abs(low) * std::pow(10, 12 * rng.uniform(4 * i + 1) - 6);
    const int most = 2 + static_cast<int>(9 * rng.uniform(4 * i + 2));
    std::vector<Axis> axes = {linear_axis(low, high, most)};
    if (low > 0) axes.push_back(logarithmic_axis(low, high, most));
    for (const Axis& axis : axes) {
      EXPECT_LT(axis.low, low);
      EXPECT_GT(axis.high, high);
      EXPECT_LE(axis.ticks.size(), 6u + most) << low << ' ' << high;
      for (size_t t = 0; t < axis.ticks.size(); ++t) {
        EXPECT_GE(axis.position(axis.ticks[t].value), 0);
        EXPECT_LE(axis.position(axis.ticks[t].value), 1);
        if (t > 0) {
          EXPECT_LT(axis.ticks[t - 1].value, axis.ticks[t].value);
          EXPECT_NE(axis.ticks[t - 1].label, axis.ticks[t].label) << low << ' ' << high;
        }
      }
    }
  }
}

TEST(Axis, MistakesAreExplained) {
  EXPECT_THAT(error_of([] { linear_axis(2, 1, 5); }), HasSubstr("no range from 2 to 1"));
  EXPECT_THAT(error_of([] { linear_axis(0, INFINITY, 5); }), HasSubstr("no range"));
  EXPECT_THAT(error_of([] { linear_axis(NAN, 1, 5); }), HasSubstr("no range"));
  EXPECT_THAT(error_of([] { linear_axis(0, 1, 1); }), HasSubstr("room for 1 tick"));
  EXPECT_THAT(error_of([] { logarithmic_axis(0, 1, 5); }), HasSubstr("positive"));
}

}  // namespace
}  // namespace papilio::apps
