#include "papilio/optim/halving.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <filesystem>

#include "papilio/core/error.h"

namespace papilio::optim {
namespace {

// Its loss falls to its own floor, a tenth of the way a rung.
struct Falling : Trial {
  explicit Falling(double end) : floor(end) {}
  double advance(const std::function<bool()>&) override {
    ++rungs;
    ++total;
    return floor + std::pow(0.1, rungs);
  }
  double floor;
  int rungs = 0;
  inline static std::atomic<int> total = 0;
};

std::unique_ptr<Trial> falling(int64_t number) {
  return std::make_unique<Falling>(number == 17 ? 0 : 0.5 + 0.001 * static_cast<double>(number));
}

TEST(Halving, FindsTheBestOfManyWithFewFullTrials) {
  for (const int workers : {1, 3}) {
    Falling::total = 0;
    const HalvingResult result =
        search_by_halving(falling, {.trials = 81, .rungs = 4, .reduction = 3, .workers = workers});
    EXPECT_EQ(result.number, 17);
    EXPECT_NEAR(result.loss, 1e-4, 1e-12);
    EXPECT_EQ(result.begun, 81);
    EXPECT_EQ(result.advances, Falling::total);
    EXPECT_LE(result.advances, 81 + 40 + 20 + 10);
    EXPECT_EQ(dynamic_cast<Falling&>(*result.trial).rungs, 4);
  }
}

TEST(Halving, EndsAtTheTarget) {
  const HalvingResult result =
      search_by_halving(falling, {.trials = 1000, .rungs = 4, .target = 0.02});
  EXPECT_EQ(result.number, 17);
  EXPECT_LT(result.begun, 60);
}

TEST(Halving, OneTrialRunsToItsEnd) {
  const HalvingResult result = search_by_halving(falling, {.trials = 1, .rungs = 4});
  EXPECT_EQ(result.advances, 4);
}

TEST(Halving, StopsWhenAskedAndGoesOnFromItsFile) {
  const auto file = std::filesystem::path(testing::TempDir()) / "search.json";
  std::filesystem::remove(file);
  int asked = 0;
  HalvingOptions options = {.trials = 81, .rungs = 4};
  options.state_file = file.string();
  options.state_key = "falling";
  options.stop = [&] { return ++asked > 60; };
  const HalvingResult first = search_by_halving(falling, options);
  EXPECT_TRUE(first.interrupted);
  EXPECT_LT(first.begun, 81);
  options.stop = nullptr;
  const HalvingResult second = search_by_halving(falling, options);
  const HalvingResult whole = search_by_halving(falling, {.trials = 81, .rungs = 4});
  EXPECT_EQ(second.number, 17);
  EXPECT_EQ(second.loss, whole.loss);
  EXPECT_EQ(second.advances, whole.advances);
  EXPECT_EQ(dynamic_cast<Falling&>(*second.trial).rungs, 4);
  options.state_key = "other";
  EXPECT_THROW(search_by_halving(falling, options), Error);
}

TEST(Halving, FailedTrialsAreNotPromotedAndErrorsComeOut) {
  struct Diverges : Trial {
    double advance(const std::function<bool()>&) override { return std::nan(""); }
  };
  const auto diverging = [](int64_t) { return std::make_unique<Diverges>(); };
  const HalvingResult none = search_by_halving(diverging, {.trials = 9});
  EXPECT_EQ(none.advances, 9);
  EXPECT_TRUE(std::isinf(none.loss));
  const auto broken = [](int64_t) -> std::unique_ptr<Trial> { fail("no such trial"); };
  EXPECT_THROW(search_by_halving(broken, {.workers = 2}), Error);
}

}  // namespace
}  // namespace papilio::optim
