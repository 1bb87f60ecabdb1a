#include "papilio/core/kernels/normals.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "papilio/core/kernels/simd.h"
#include "papilio/core/random.h"

namespace papilio::kernels {
namespace {

TEST(NearNormals, AreThoseOfTheKeyOnEveryTarget) {
  for (const std::string& target : simd_targets()) {
    set_simd_target(target);
    for (const int64_t count : {0, 1, 3, 8, 9, 100000}) {
      const Rng rng = Rng(7).split(static_cast<uint64_t>(count));
      std::vector<double> out(static_cast<size_t>(count) + 1, 5);
      near_normals(rng.key(), count, out.data());
      double worst = 0;
      for (int64_t i = 0; i < count; ++i)
        worst = std::max(
            worst, std::abs(out[static_cast<size_t>(i)] - rng.normal(static_cast<uint64_t>(i))));
      EXPECT_LT(worst, 1e-12) << target << " " << count;
      EXPECT_EQ(out.back(), 5) << target << " " << count;
    }
  }
  set_simd_target("");
}

}  // namespace
}  // namespace papilio::kernels
