#include "papilio/core/kernels/dots.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "papilio/core/kernels/simd.h"
#include "papilio/core/random.h"
#include "papilio/core/threads.h"

namespace papilio::kernels {
namespace {

std::vector<float> random_vector(int64_t size, const Rng& rng) {
  const Tensor values = randn({size}, rng);
  return values.to_vector<float>();
}

std::vector<float> product(const DotsShape& s, bool with_bias) {
  const auto a = random_vector(s.m * s.lda, Rng(1)), b = random_vector(s.n * s.ldb, Rng(2)),
             bias = random_vector(s.n, Rng(3));
  std::vector<float> c(static_cast<size_t>(s.m * s.ldc), 7.0f);
  dots(s, a.data(), b.data(), with_bias ? bias.data() : nullptr, c.data());
  for (int64_t i = 0; i < s.m; ++i)
    for (int64_t j = 0; j < s.ldc; ++j) {
      const float value = c[static_cast<size_t>(i * s.ldc + j)];
      double sum = j < s.n && with_bias ? bias[static_cast<size_t>(j)] : 0;
      for (int64_t l = 0; l < s.k && j < s.n; ++l)
        sum += static_cast<double>(a[static_cast<size_t>(i * s.lda + l)]) *
               static_cast<double>(b[static_cast<size_t>(j * s.ldb + l)]);
      EXPECT_NEAR(value, j < s.n ? sum : 7, 1e-5 * std::sqrt(static_cast<double>(s.k) + 1))
          << simd_target() << ' ' << s.m << ' ' << s.n << ' ' << s.k << " at " << i << ' ' << j;
    }
  return c;
}

class Dots : public ::testing::Test {
 protected:
  ~Dots() override {
    set_simd_target("");
    set_threads(before_);
  }

 private:
  const int before_ = threads();
};

TEST_F(Dots, AreRightOnEveryTarget) {
  for (const std::string& target : simd_targets()) {
    set_simd_target(target);
    for (const int64_t m : {1, 2, 3, 4, 7, 9})
      for (const int64_t n : {1, 2, 3, 4, 5, 6, 13})
        for (const int64_t k : {1, 15, 16, 64, 83, 130}) {
          product({.m = m, .n = n, .k = k, .lda = k, .ldb = k, .ldc = n}, false);
          product({.m = m, .n = n, .k = k, .lda = k + 1, .ldb = k + 2, .ldc = n + 3}, true);
        }
  }
}

TEST_F(Dots, HaveTheSameBitsForEveryThreadCount) {
  const int64_t k = 1030;
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{1, 4700}, {3, 4099}, {1501, 10}}) {
    const DotsShape shape{.m = m, .n = n, .k = k, .lda = k, .ldb = k, .ldc = n};
    set_threads(1);
    const auto one = product(shape, true);
    for (const int count : {2, 3}) {
      set_threads(count);
      EXPECT_EQ(product(shape, true), one) << m << ' ' << n;
    }
  }
}

// A small b is read two rows at a time, a large one row by row.
TEST_F(Dots, HaveTheSameBitsForEveryNumberOfRows) {
  const int64_t k = 1030;
  for (const std::string& target : simd_targets()) {
    set_simd_target(target);
    const auto of = [&](int64_t n) {
      const auto a = random_vector(k, Rng(1)), b = random_vector(100 * k, Rng(2));
      std::vector<float> c(static_cast<size_t>(n));
      dots({.m = 1, .n = n, .k = k, .lda = k, .ldb = k, .ldc = n}, a.data(), b.data(), nullptr,
           c.data());
      return c;
    };
    const std::vector<float> many = of(100);  // 400 kB
    for (const int64_t n : {1, 2, 63})
      EXPECT_EQ(of(n), std::vector<float>(many.begin(), many.begin() + n)) << target << ' ' << n;
  }
}

}  // namespace
}  // namespace papilio::kernels
