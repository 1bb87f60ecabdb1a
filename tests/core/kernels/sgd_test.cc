#include "papilio/core/kernels/sgd.h"

#include <gtest/gtest.h>

#include <vector>

#include "papilio/core/kernels/simd.h"
#include "papilio/core/random.h"
#include "papilio/core/threads.h"

namespace papilio::kernels {
namespace {

template <class T>
struct State {
  std::vector<T> value, gradient, momentum;

  explicit State(int64_t count) {
    const auto normal = [count](uint64_t seed) {
      return randn({count}, Rng(seed), dtype_of<T>()).template to_vector<T>();
    };
    value = normal(1), gradient = normal(2), momentum = normal(3);
  }
  void step(const SgdStep& step) {
    sgd_step<T>(step, static_cast<int64_t>(value.size()), value.data(), gradient.data(),
                momentum.data());
  }
  bool operator==(const State&) const = default;
};

template <class T>
class Sgd : public ::testing::Test {
 protected:
  ~Sgd() override {
    set_simd_target("");
    set_threads(before_);
  }

 private:
  const int before_ = threads();
};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Sgd, Types);

TYPED_TEST(Sgd, IsTheFormulaOnEveryTarget) {
  const double tolerance = sizeof(TypeParam) == 4 ? 1e-6 : 1e-15;
  for (const std::string& target : simd_targets()) {
    set_simd_target(target);
    for (const bool nesterov : {false, true})
      for (const int64_t count : {0, 1, 7, 8, 9, 37}) {
        const State<TypeParam> before(count);
        State<TypeParam> after = before;
        after.step({.rate = 0.1, .decay = 0.01, .mu = 0.9, .take = 0.7, .nesterov = nesterov});
        for (size_t i = 0; i < after.value.size(); ++i) {
          const double p = before.value[i], g = before.gradient[i] + 0.01 * p;
          const double m = 0.9 * before.momentum[i] + 0.7 * g;
          EXPECT_NEAR(after.momentum[i], m, tolerance * 4) << target << ' ' << count << ' ' << i;
          EXPECT_NEAR(after.value[i], p - 0.1 * (nesterov ? g + 0.9 * m : m), tolerance * 4)
              << target << ' ' << count << ' ' << i;
        }
        EXPECT_EQ(after.gradient, before.gradient);
      }
  }
}

TYPED_TEST(Sgd, HasTheSameBitsForEveryThreadCount) {
  const State<TypeParam> before(100003);
  const SgdStep step{.rate = 0.1, .decay = 0.01, .mu = 0.9, .take = 1, .nesterov = false};
  State<TypeParam> one = before;
  set_threads(1);
  one.step(step);
  for (const int count : {2, 3}) {
    set_threads(count);
    State<TypeParam> several = before;
    several.step(step);
    EXPECT_TRUE(several == one) << count;
  }
}

}  // namespace
}  // namespace papilio::kernels
