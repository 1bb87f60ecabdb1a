#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "papilio/core/kernels/norm.h"
#include "papilio/core/kernels/simd.h"
#include "papilio/core/random.h"

namespace papilio::kernels {
namespace {

template <class T>
void expect_no_shift_is_zero_shift(int64_t rows, int64_t channels) {
  const auto random = [&](int64_t size, uint64_t seed) {
    return randn({size}, Rng(seed), dtype_of<T>()).template to_vector<T>();
  };
  const auto x = random(rows * channels, 1), residual = random(rows * channels, 2),
             mean = random(channels, 3), factor = random(channels, 4);
  const std::vector<T> zeros(static_cast<size_t>(channels));
  for (const bool adds : {false, true})
    for (const bool relu : {false, true}) {
      std::vector<T> without(x.size()), with(x.size());
      const T* added = adds ? residual.data() : nullptr;
      scale_channels<T>(rows, channels, x.data(), mean.data(), factor.data(), nullptr, added, relu,
                        without.data());
      scale_channels<T>(rows, channels, x.data(), mean.data(), factor.data(), zeros.data(), added,
                        relu, with.data());
      for (size_t i = 0; i < x.size(); ++i)
        ASSERT_NEAR(without[i], with[i], 1e-6 * (1 + std::abs(with[i])))
            << simd_target() << ' ' << rows << " x " << channels << " at " << i;
      T plain = (x.back() - mean.back()) * factor.back() + (adds ? residual.back() : T(0));
      if (relu) plain = std::max(plain, T(0));
      EXPECT_NEAR(without.back(), plain, 1e-5) << simd_target();
    }
}

TEST(ScaleChannels, TheShiftMayBeMissingOnEveryTarget) {
  for (const std::string& target : simd_targets()) {
    set_simd_target(target);
    for (const auto& [rows, channels] :
         {std::pair<int64_t, int64_t>{1, 1}, {1, 7}, {1, 1024}, {5, 3}, {70, 24}, {3, 1000}}) {
      expect_no_shift_is_zero_shift<float>(rows, channels);
      expect_no_shift_is_zero_shift<double>(rows, channels);
    }
  }
  set_simd_target("");
}

}  // namespace
}  // namespace papilio::kernels
