#include "papilio/data/variations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "papilio/core/kernels/simd.h"
#include "papilio/tests/core/error_of.h"

namespace papilio::data {
namespace {

using testing::HasSubstr;

constexpr int64_t kSide = 28;

// Black images but for a white square in the middle where `square`.
ImageSet squares(int64_t count, bool square) {
  std::vector<uint8_t> levels(static_cast<size_t>(count * kSide * kSide), 0);
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t y = 10; square && y < 18; ++y)
      std::fill_n(levels.begin() + (i * kSide + y) * kSide + 10, 8, uint8_t{255});
    labels.push_back(i % 3);
  }
  return ImageSet({.name = "squares", .classes = {"a", "b", "c"}, .input = {}}, {kSide, kSide, 1},
                  std::move(levels), std::move(labels));
}

ImageSet grey_pictures() {
  Tensor pixels({2, 40, 30, 3});
  for (int64_t i = 0; i < pixels.numel(); ++i)
    pixels.mutable_data<float>()[i] = static_cast<float>(i / 3 % 30) / 60.0f;  // up to 29/60
  return ImageSet({.name = "pictures", .classes = {}, .input = {}}, pixels, {0, 0});
}

std::vector<float> all_pixels(const ImageSet& set) {
  std::vector<float> all;
  for (int64_t i = 0; i < set.size(); ++i) {
    const auto image = set.get(i).image.to_vector<float>();
    all.insert(all.end(), image.begin(), image.end());
  }
  return all;
}

double correlation(const ImageSet& set, int64_t distance) {
  double product = 0, square = 0;
  for (int64_t i = 0; i < set.size(); ++i) {
    const auto image = set.get(i).image.to_vector<float>();
    for (int64_t y = 0; y < kSide; ++y)
      for (int64_t x = 0; x + distance < kSide; ++x) {
        const double a = image[static_cast<size_t>(y * kSide + x)] - 0.5,
                     b = image[static_cast<size_t>(y * kSide + x + distance)] - 0.5;
        product += a * b, square += (a * a + b * b) / 2;
      }
  }
  return product / square;
}

TEST(Variations, HaveThePapersCountsAndDisjointParts) {
  const ImageSet train = squares(60, true), test = squares(12, true);
  EXPECT_EQ(over_noise(train, test, 1, Split::train).size(), 60);
  EXPECT_EQ(over_noise(train, test, 1, Split::test).size(), 12);
  const ImageSet a = rotated_on_pictures(train, test, {}, Split::train),
                 b = rotated_on_pictures(train, test, {}, Split::test);
  EXPECT_EQ(a.size(), 72 * 12 / 62);
  EXPECT_EQ(b.size(), 72 * 50 / 62);
  EXPECT_NE(all_pixels(a), all_pixels(b));
}

TEST(Variations, AreAFunctionOfTheSeed) {
  const ImageSet train = squares(30, true), test = squares(6, true);
  const auto made = [&](uint64_t seed) {
    return all_pixels(over_noise(train, test, 2, Split::train, {.seed = seed}));
  };
  EXPECT_EQ(made(1), made(1));
  EXPECT_NE(made(1), made(2));
}

TEST(Variations, PadOnAllSides) {
  const ImageSet set = over_noise(squares(10, true), squares(2, true), 6, Split::test, {.pad = 2});
  EXPECT_EQ(set.image_shape(), Shape({32, 32, 1}));
  EXPECT_EQ(set.info().input.at("pad").as_int(), 2);
  const auto image = set.get(0).image.to_vector<float>();
  for (int64_t x = 0; x < 64; ++x) EXPECT_EQ(image[static_cast<size_t>(x)], 0);
}

// Uniform pixels: mean 1/2, variance 1/12. Normal numbers of correlation r become uniform ones of
// correlation 6/pi asin(r/2).
TEST(Variations, NoiseIsUniformWithTheCorrelationOfItsLevel) {
  for (const int level : {1, 4, 6}) {
    const ImageSet set = over_noise(squares(400, false), squares(80, false), level, Split::train);
    double sum = 0, squares = 0;
    for (const float p : all_pixels(set)) sum += p, squares += (p - 0.5) * (p - 0.5);
    const auto count = static_cast<double>(set.size() * kSide * kSide);
    EXPECT_NEAR(sum / count, 0.5, 0.02) << level;
    EXPECT_NEAR(squares / count, 1.0 / 12, 0.005) << level;
    for (const int64_t d : {1, 3, 8}) {
      const double r = (1 - (level - 1) / 5.0) * std::exp(-static_cast<double>(d * d) / 36);
      EXPECT_NEAR(correlation(set, d), 6 / std::numbers::pi * std::asin(r / 2), 0.04)
          << level << ", distance " << d;
    }
  }
}

TEST(Variations, TheImageStandsBeforeItsBackground) {
  const ImageSet noise = over_noise(squares(30, true), squares(6, true), 1, Split::train),
                 turned = rotated_on_pictures(squares(30, true), squares(6, true), grey_pictures(),
                                              Split::test);
  for (const ImageSet& set : {noise, turned})
    for (int64_t i = 0; i < set.size(); ++i) {
      const auto image = set.get(i).image.to_vector<float>();
      for (const int64_t y : {12, 15})
        for (const int64_t x : {12, 15})
          EXPECT_EQ(image[static_cast<size_t>(y * kSide + x)], 1) << set.info().name;
    }
  const auto corner = turned.get(0).image.to_vector<float>()[0];
  EXPECT_LE(corner, 0.5f);  // the pictures' brightest pixel
}

// By the quick numbers or the exact ones, on every processor; known from when all were exact.
TEST(Variations, TexturesAreTheSameOnEveryTarget) {
  for (const std::string& target : kernels::simd_targets()) {
    kernels::set_simd_target(target);
    uint64_t hash = 0xcbf29ce484222325;
    for (const float p :
         all_pixels(rotated_on_pictures(squares(200, true), squares(40, true), {}, Split::train)))
      hash = (hash ^ static_cast<uint64_t>(std::lround(255 * p))) * 0x100000001b3;
    EXPECT_EQ(hash, 0x9856056e59fa21baU) << target;
  }
  kernels::set_simd_target("");
}

TEST(Variations, ErrorsSayWhatIsNeeded) {
  const ImageSet some = squares(6, true);
  EXPECT_THAT(error_of([&] { over_noise(some, some, 7, Split::train); }), HasSubstr("1 to 6"));
  EXPECT_THAT(error_of([&] { over_noise(grey_pictures(), some, 1, Split::train); }),
              HasSubstr("gray square images"));
}

}  // namespace
}  // namespace papilio::data
