#include "papilio/data/augment.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace papilio::data {
namespace {

TEST(RandomResizedCrop, CutsWholePixelsOfTheRightSizeAndShape) {
  const int64_t height = 375, width = 500;
  double least = 1, most = 0, sum = 0;
  constexpr int kCount = 4000;
  for (uint64_t i = 0; i < kCount; ++i) {
    const Box box = random_resized_crop(height, width, Rng(i));
    for (const double size : {box.top, box.left, box.height, box.width})
      ASSERT_EQ(size, std::floor(size));
    ASSERT_TRUE(box.top >= 0 && box.left >= 0 && box.height >= 1 && box.width >= 1);
    ASSERT_TRUE(box.top + box.height <= height && box.left + box.width <= width);
    const double area = box.height * box.width / (height * width);
    ASSERT_NEAR(box.width / box.height, 1.0, 0.35);
    least = std::min(least, area), most = std::max(most, area), sum += area;
  }
  EXPECT_NEAR(least, 0.08, 0.01);
  EXPECT_GT(most, 0.9);
  // Drawn evenly from 8 % to 100 %, less the largest, which often do not fit: 0.436 in a
  // simulation.
  EXPECT_NEAR(sum / kCount, 0.436, 0.012);
}

TEST(RandomResizedCrop, TakesTheCentreWhenNothingFits) {
  EXPECT_EQ(random_resized_crop(10, 1000, Rng(1)), Box({0, 493, 10, 13}));
  EXPECT_EQ(random_resized_crop(1000, 9, Rng(1)), Box({494, 0, 12, 9}));
  for (uint64_t i = 0; i < 100; ++i)
    EXPECT_EQ(random_resized_crop(1, 1, Rng(i)), Box({0, 0, 1, 1}));
}

std::vector<float> jittered(const ColourJitter& jitter, uint64_t seed) {
  std::vector<float> pixels = {0.1f, 0.5f, 0.9f, 0.3f, 0.3f, 0.3f, 0, 1, 0.25f};
  jitter_colours(pixels.data(), 3, jitter, Rng(seed));
  return pixels;
}

TEST(JitterColours, ChangesOnlyWhatIsAsked) {
  const auto plain = jittered({}, 1);
  EXPECT_EQ(plain, (std::vector<float>{0.1f, 0.5f, 0.9f, 0.3f, 0.3f, 0.3f, 0, 1, 0.25f}));
  const auto mean = [](const std::vector<float>& p) {
    double sum = 0;
    for (size_t i = 0; i < p.size(); i += 3)
      sum += 0.299 * p[i] + 0.587 * p[i + 1] + 0.114 * p[i + 2];
    return sum / 3;
  };
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const auto bright = jittered({.brightness = 0.2}, seed);
    const float factor = bright[0] / plain[0];
    EXPECT_TRUE(factor >= 0.8f && factor <= 1.2001f);
    EXPECT_FLOAT_EQ(bright[3], factor * plain[3]);
    EXPECT_NEAR(mean(jittered({.contrast = 0.05}, seed)), mean(plain), 0.01);
    const auto grey = jittered({.saturation = 0.9}, seed);
    EXPECT_FLOAT_EQ(grey[3], 0.3f);
    EXPECT_FLOAT_EQ(grey[4], 0.3f);
    for (const float pixel : jittered({5, 5, 5}, seed)) EXPECT_TRUE(pixel >= 0 && pixel <= 1);
  }
  EXPECT_EQ(jittered({0.4, 0.4, 0.4}, 3), jittered({0.4, 0.4, 0.4}, 3));
  EXPECT_NE(jittered({0.4, 0.4, 0.4}, 3), jittered({0.4, 0.4, 0.4}, 4));
}

}  // namespace
}  // namespace papilio::data
