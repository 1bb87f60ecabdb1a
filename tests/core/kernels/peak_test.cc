#include "papilio/core/kernels/peak.h"

#include <gtest/gtest.h>

#include <string>

#include "papilio/core/kernels/simd.h"

namespace papilio::kernels {
namespace {

class Peak : public testing::Test {
 protected:
  ~Peak() override { set_simd_target(""); }
};

TEST_F(Peak, CountsWhatItRuns) {
  for (const std::string& target : simd_targets()) {
    set_simd_target(target);
    for (const int64_t operations : {0, 1, 1000, 123457}) {
      EXPECT_GE(run_fma_loop<float>(operations), operations) << target;
      EXPECT_LT(run_fma_loop<float>(operations), operations + 12 * 16) << target;
      EXPECT_GE(run_fma_loop<double>(operations), operations) << target;
      EXPECT_LT(run_fma_loop<double>(operations), operations + 12 * 8) << target;
    }
  }
}

TEST_F(Peak, IsSaneOnEveryTarget) {
  for (const std::string& target : simd_targets()) {
    set_simd_target(target);
    for (const double rate : {measure_fma_rate<float>(), measure_fma_rate<double>()}) {
      EXPECT_GT(rate, 1e7) << target;
      EXPECT_LT(rate, 1e12) << target;
    }
  }
}

// Not of sse4: compilers may well vectorise the scalar loop that far.
TEST_F(Peak, VectorsBeatScalars) {
  set_simd_target(simd_targets().back());
  const double scalar = measure_fma_rate<float>();
  for (const std::string& target : simd_targets()) {
    if (!target.starts_with("avx")) continue;
    set_simd_target(target);
    EXPECT_GT(measure_fma_rate<float>(), 1.3 * scalar) << target;
  }
}

// Half as many numbers in a vector. Of targets that have instructions for both.
TEST_F(Peak, DoublesTakeTwiceAsLong) {
  for (const std::string& target : simd_targets()) {
    if (target == "scalar") continue;
    set_simd_target(target);
    const double ratio = measure_fma_rate<float>() / measure_fma_rate<double>();
    EXPECT_GT(ratio, 1.4) << target;
    EXPECT_LT(ratio, 2.9) << target;
  }
}

}  // namespace
}  // namespace papilio::kernels
