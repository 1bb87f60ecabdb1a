// Guards against a fall-back to scalar code: the butterfly kernels as shares of the peak of peak.h,
// which runs in the same process, so that the clock and other programs matter little. With AVX2 and
// AVX-512 the shares are twice the limits and more, with one number in a vector half of them, with
// the plain loops of reference.h a quarter.
#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "papilio/core/kernels/butterfly.h"
#include "papilio/core/kernels/peak.h"
#include "papilio/core/kernels/simd.h"
#include "papilio/core/threads.h"

// Every sanitizer's run-time library has it.
extern "C" __attribute__((weak)) void __sanitizer_print_stack_trace();

namespace papilio::kernels {
namespace {

constexpr int64_t kN = 1024, kBatch = 64;

/// Processor time of this thread.
double seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

class ButterflySpeed : public testing::Test {
 protected:
  void SetUp() override {
    if (__sanitizer_print_stack_trace != nullptr) GTEST_SKIP() << "a sanitizer's build";
#ifndef NDEBUG
    GTEST_SKIP() << "not an optimised build";
#endif
    const std::string_view target = simd_target();
    if (target != "avx512" && target != "avx2" && target != "neon")
      GTEST_SKIP() << "the target " << target << " promises no speed";
    set_threads(1);
  }
  void TearDown() override { set_threads(threads_before_); }

  /// Expects that `run`, which takes at least `operations` lane operations, reaches `share` of the
  /// peak in one of several tries: enough for a machine that other programs use, too.
  void expect_share(double share, double operations, const std::function<void()>& run) {
    run();
    double best = 0;
    for (int i = 0; i < 50 && best <= share; ++i) {
      const double rate = measure_fma_rate<float>(), begin = seconds();
      for (int j = 0; j < 3; ++j) run();
      best = std::max(best, 3 * operations / (seconds() - begin) / rate);
    }
    EXPECT_GT(best, share) << simd_target();
    RecordProperty("share", std::to_string(best));
  }

  std::vector<float> random(int64_t size, float deviation) {
    std::vector<float> v(static_cast<size_t>(size));
    for (float& e : v) e = deviation * normal_(engine_);
    return v;
  }

  const ButterflyShape shape_ = {.batch = kBatch, .in_features = kN, .n = kN, .out_features = kN};
  const double levels_ = std::countr_zero(static_cast<uint64_t>(kN));
  std::mt19937 engine_;
  std::normal_distribution<float> normal_;
  const std::vector<float> twiddle_ = random(10 * kN * 2, 0.7F), x_ = random(kBatch * kN, 1);
  std::vector<float> y_ = random(kBatch * kN, 1);
  int threads_before_ = threads();
};

// Two multiplications of every number in every factor.
TEST_F(ButterflySpeed, ForwardUsesTheVectorUnits) {
  const PackedTwiddle<float> packed(shape_, twiddle_.data());
  expect_share(0.15, kBatch * 2 * kN * levels_,
               [&] { butterfly_forward(shape_, packed, x_.data(), y_.data()); });
}

// Forward again, the gradient of the inputs and that of the twiddle.
TEST_F(ButterflySpeed, BackwardUsesTheVectorUnits) {
  const PackedTwiddle<float> packed(shape_, twiddle_.data());
  std::vector<float> grad_x(x_.size()), grad_twiddle(twiddle_.size());
  expect_share(0.12, kBatch * 6 * kN * levels_, [&] {
    butterfly_backward<float>(shape_, packed, x_.data(), nullptr, y_.data(),
                              {.x = grad_x.data(), .twiddle = grad_twiddle.data()});
  });
}

}  // namespace
}  // namespace papilio::kernels
