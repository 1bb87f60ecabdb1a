#include "papilio/core/kernels/channel_moments.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "papilio/core/kernels/simd.h"
#include "papilio/core/random.h"
#include "papilio/core/threads.h"

namespace papilio::kernels {
namespace {

struct Case {
  int64_t rows, channels, group;
};
// One row, rows that end within a vector, more rows than a block and than a chunk, every number of
// lags at once and several of them, one group and groups of one.
const Case kCases[] = {{1, 6, 3},    {5, 1, 1},    {7, 24, 3},    {1000, 24, 3},  {9000, 24, 3},
                       {700, 48, 6}, {65, 30, 5},  {300, 96, 12}, {130, 192, 24}, {40, 7, 7},
                       {90, 35, 1},  {50, 46, 23}, {33, 2000, 2}};

/// In double, by two passes.
ChannelMoments plain(const Case& c, const std::vector<double>& x) {
  const auto channels = static_cast<size_t>(c.channels), group = static_cast<size_t>(c.group);
  ChannelMoments m{.mean = std::vector<double>(channels),
                   .covariance = std::vector<double>(channels * group)};
  const auto rows = static_cast<double>(c.rows);
  for (size_t i = 0; i < x.size(); ++i) m.mean[i % channels] += x[i] / rows;
  for (size_t row = 0; row < x.size(); row += channels)
    for (size_t a = 0; a < channels; ++a)
      for (size_t j = 0; j < group; ++j) {
        const size_t b = a / group * group + j;
        m.covariance[a * group + j] += (x[row + a] - m.mean[a]) * (x[row + b] - m.mean[b]) / rows;
      }
  return m;
}

template <class T>
void expect_moments(const Case& c, double mean, double tolerance) {
  std::vector<T> x = randn({c.rows, c.channels}, Rng(1), dtype_of<T>()).template to_vector<T>();
  for (T& value : x) value += static_cast<T>(mean);
  const ChannelMoments expected = plain(c, {x.begin(), x.end()}),
                       m = channel_moments<T>(c.rows, c.channels, c.group, x.data());
  ASSERT_EQ(m.mean.size(), expected.mean.size());
  ASSERT_EQ(m.covariance.size(), expected.covariance.size());
  for (size_t i = 0; i < m.mean.size(); ++i)
    ASSERT_NEAR(m.mean[i], expected.mean[i], tolerance * (1 + std::abs(mean))) << i;
  for (size_t i = 0; i < m.covariance.size(); ++i)
    ASSERT_NEAR(m.covariance[i], expected.covariance[i], tolerance) << i;
}

TEST(ChannelMoments, AgreeWithThePlainOnesOnEveryTarget) {
  for (const std::string& target : simd_targets()) {
    set_simd_target(target);
    for (const Case& c : kCases) {
      SCOPED_TRACE(concat(target, " ", c.rows, " x ", c.channels, " in ", c.group));
      expect_moments<float>(c, 2, 3e-6);
      expect_moments<double>(c, 2, 1e-13);
    }
  }
  set_simd_target("");
}

// Sums of x^2 alone would have no digit left.
TEST(ChannelMoments, HoldWhereTheMeanIsFarLargerThanTheDeviation) {
  expect_moments<float>({3000, 24, 3}, 1000, 3e-4);  // x itself is rounded to 6e-5
  expect_moments<double>({3000, 24, 3}, 1e6, 1e-9);
}

TEST(ChannelMoments, SameBitsForEveryThreadCount) {
  const int before = threads();
  const Tensor x = randn({9000, 24}, Rng(1));
  std::vector<ChannelMoments> all;
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    all.push_back(channel_moments<float>(9000, 24, 3, x.data<float>()));
  }
  set_threads(before);
  for (const ChannelMoments& m : all) {
    EXPECT_EQ(m.mean, all[0].mean);
    EXPECT_EQ(m.covariance, all[0].covariance);
  }
}

}  // namespace
}  // namespace papilio::kernels
