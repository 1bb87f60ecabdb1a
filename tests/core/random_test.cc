#include "papilio/core/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <map>
#include <numeric>
#include <set>

#include "papilio/core/philox.h"
#include "papilio/tests/core/error_of.h"

namespace papilio {
namespace {

// The known-answer vectors of philox4x32-10 in the file kat_vectors of the Random123 library.
TEST(Philox, KnownAnswers) {
  using detail::philox;
  using Words = std::array<uint32_t, 4>;
  EXPECT_EQ(philox({0, 0}, {0, 0, 0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({~0u, ~0u}, {~0u, ~0u, ~0u, ~0u}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0xa4093822, 0x299f31d0}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// Checkpoints and runs depend on these: they never change. Bits and uniform are the first two words
// of the known answer; normal is Box-Muller of all four, in Python
//   u, v = (0xe169c58d6627e8d5 >> 11) / 2**53, (0x9b00dbd8bc57ac4c >> 11) / 2**53
//   math.sqrt(-2 * math.log(1 - u)) * math.cos(2 * math.pi * v)
TEST(Rng, TheStreamOfSeedZero) {
  const Rng rng(0);
  EXPECT_EQ(rng.bits(0), 0xe169c58d6627e8d5u);
  EXPECT_EQ(rng.uniform(0), static_cast<double>(0xe169c58d6627e8d5u >> 11) / 0x1p53);
  EXPECT_NEAR(rng.normal(0), -1.62496344087104, 1e-14);
  EXPECT_EQ(rng.below(10, 0), 8);  // 0xe169... / 2^64 = 0.88
}

TEST(Rng, IsAFunctionOfKeyPurposeAndIndex) {
  const Rng a(7), b(7);
  EXPECT_EQ(a.bits(5), b.bits(5));
  EXPECT_EQ(a.split("x").key(), b.split("x").key());
  EXPECT_EQ(a.split(uint64_t{3}).split("y").bits(1), b.split(uint64_t{3}).split("y").bits(1));
}

TEST(Rng, SplitKeysDiffer) {
  const Rng rng(1);
  std::set<uint64_t> keys = {rng.key(), Rng(2).split("").key(), Rng(2).split("a").key()};
  for (const char* purpose : {"", "a", "b", "ab", "ba", "dropout", "shuffle"})
    keys.insert(rng.split(purpose).key());
  for (uint64_t number = 0; number < 1000; ++number) keys.insert(rng.split(number).key());
  keys.insert(rng.split("a").split("b").key());
  keys.insert(rng.split("b").split("a").key());
  EXPECT_EQ(keys.size(), 3u + 7 + 1000 + 2);
}

struct Moments {
  double mean, variance;
};
template <class Sample>
Moments moments(int64_t count, const Sample& sample) {
  double total = 0, squares = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double x = sample(static_cast<uint64_t>(i));
    total += x;
    squares += x * x;
  }
  const double n = static_cast<double>(count), mean = total / n;
  return {.mean = mean, .variance = squares / n - mean * mean};
}

// Bounds are 5 standard deviations of the estimates.
TEST(Rng, MomentsOfTheDistributions) {
  constexpr int64_t kCount = 200000;
  const double root = std::sqrt(static_cast<double>(kCount));
  const Rng rng(42);
  const Moments uniform = moments(kCount, [&](uint64_t i) { return rng.uniform(i); });
  EXPECT_NEAR(uniform.mean, 0.5, 5 * std::sqrt(1.0 / 12) / root);
  EXPECT_NEAR(uniform.variance, 1.0 / 12, 5 * std::sqrt(1.0 / 180) / root);
  const Moments normal = moments(kCount, [&](uint64_t i) { return rng.normal(i); });
  EXPECT_NEAR(normal.mean, 0, 5 / root);
  EXPECT_NEAR(normal.variance, 1, 5 * std::sqrt(2.0) / root);
  // Keys of neighbouring numbers are uncorrelated.
  const Moments product = moments(
      kCount, [&](uint64_t i) { return rng.split(i).normal(0) * rng.split(i + 1).normal(0); });
  EXPECT_NEAR(product.mean, 0, 5 / root);
}

TEST(Rng, BelowIsUniform) {
  constexpr int64_t kCount = 70000;
  std::array<int64_t, 7> seen{};
  for (int64_t i = 0; i < kCount; ++i)
    ++seen.at(static_cast<size_t>(Rng(3).below(7, static_cast<uint64_t>(i))));
  const double deviation = std::sqrt(kCount * (1.0 / 7) * (6.0 / 7));
  for (const int64_t count : seen) EXPECT_NEAR(count, kCount / 7.0, 5 * deviation);
  EXPECT_EQ(Rng(3).below(1, 0), 0);
  EXPECT_LT(Rng(3).below(INT64_MAX, 0), INT64_MAX);
}

TEST(Rng, PermutationsHoldEveryNumberOnce) {
  for (const int64_t count : {0, 1, 2, 7, 1000}) {
    std::vector<int64_t> order = Rng(5).permutation(count), sorted = order;
    std::sort(sorted.begin(), sorted.end());
    std::vector<int64_t> all(static_cast<size_t>(count));
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(sorted, all);
    if (count == 1000) {
      EXPECT_NE(order, all);
    }
  }
}

// All 24 orders of four, each about 1000 times.
TEST(Rng, PermutationsAreUniform) {
  std::map<std::vector<int64_t>, int> seen;
  for (uint64_t i = 0; i < 24000; ++i) ++seen[Rng(i).permutation(4)];
  ASSERT_EQ(seen.size(), 24u);
  for (const auto& [order, count] : seen) EXPECT_NEAR(count, 1000, 5 * std::sqrt(1000.0));
}

TEST(Random, TensorsOfEveryDTypeHaveTheirMoments) {
  constexpr int64_t kCount = 100000;
  const double root = std::sqrt(static_cast<double>(kCount));
  for (const DType dtype : {DType::f32, DType::f64, DType::c64, DType::c128}) {
    SCOPED_TRACE(text(dtype));
    const Tensor normal = randn({kCount}, Rng(1), dtype).to(DType::c128);
    const Tensor uniform = rand_uniform({kCount}, -1, 3, Rng(2), dtype).to(DType::c128);
    double energy = 0, squares_re = 0;
    std::complex<double> mean = 0;
    for (const auto& z : normal.span<std::complex<double>>()) {
      energy += std::norm(z);
      squares_re += z.real() * z.real();
    }
    for (const auto& z : uniform.span<std::complex<double>>()) {
      mean += z;
      ASSERT_TRUE(z.real() >= -1 && z.real() < 3);
    }
    const double n = static_cast<double>(kCount);
    EXPECT_NEAR(energy / n, 1, 5 * std::sqrt(2.0) / root);
    EXPECT_NEAR(squares_re / n, is_complex(dtype) ? 0.5 : 1, 5 * std::sqrt(2.0) / root);
    EXPECT_NEAR(mean.real() / n, 1, 5 * std::sqrt(16.0 / 12) / root);
    EXPECT_NEAR(mean.imag() / n, is_complex(dtype) ? 1 : 0, 5 * std::sqrt(16.0 / 12) / root);
  }
}

TEST(Random, Errors) {
  EXPECT_THAT(error_of([] { Rng(1).below(0, 0); }), ::testing::HasSubstr("below 0"));
  EXPECT_THAT(error_of([] { Rng(1).permutation(-1); }), ::testing::HasSubstr("-1"));
  EXPECT_THAT(error_of([] { randn({2}, Rng(1), DType::i64); }), ::testing::HasSubstr("i64"));
}

}  // namespace
}  // namespace papilio
