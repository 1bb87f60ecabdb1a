// That the tests beside this one, which run on every target of simd_targets(), run on NEON.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "papilio/core/kernels/highway-inl.h"
#include "papilio/core/kernels/simd.h"

namespace papilio::kernels {
namespace {

static_assert(HWY_TARGETS == HWY_NEON);

TEST(Neon, IsTheTarget) {
  EXPECT_EQ(simd_targets(), std::vector<std::string>{"neon"});
  EXPECT_EQ(simd_target(), "neon");
}

}  // namespace
}  // namespace papilio::kernels
