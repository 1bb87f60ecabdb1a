#include "papilio/optim/halving.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <filesystem>

#include "papilio/core/error.h"
#include "papilio/core/file.h"
#include "papilio/tests/core/error_of.h"

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
  std::unique_ptr<Trial> clone() const override { return std::make_unique<Falling>(*this); }
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

// Rungs that are cut short, and worse than the one before, don't spoil what is returned.
TEST(Halving, ReturnsTheTrialAsItWasAtItsLoss) {
  struct Rises : Falling {
    using Falling::Falling;
    double advance(const std::function<bool()>& stopped) override {
      Falling::advance(stopped);
      return rungs;
    }
    std::unique_ptr<Trial> clone() const override { return std::make_unique<Rises>(*this); }
  };
  const auto rising = [](int64_t) { return std::make_unique<Rises>(0); };
  HalvingOptions options = {.trials = 1, .rungs = 4};
  HalvingResult result = search_by_halving(rising, options);
  EXPECT_EQ(result.loss, 1);
  EXPECT_EQ(dynamic_cast<Rises&>(*result.trial).rungs, 1);
  options.stop = [asked = 0]() mutable { return ++asked > 4; };
  result = search_by_halving(rising, options);
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(dynamic_cast<Rises&>(*result.trial).rungs, 1);
}

// Trial 0 is the best by the file, and there is no time to train it again.
TEST(Halving, IsStoppedBeforeTheBestIsTrainedAgain) {
  const std::string file = testing::TempDir() + "best.json";
  HalvingOptions options = {.trials = 2, .rungs = 2};
  options.state_file = file;
  options.stop = [] { return true; };
  const auto best = [](int64_t number) { return falling(17 + number); };
  write_file(file, R"({"key": "", "seconds": 1, "losses": [[0.1, 0.01], [0.6]]})");
  const HalvingResult result = search_by_halving(best, options);
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.trial, nullptr);
  EXPECT_EQ(result.number, -1);
  options.stop = nullptr;
  EXPECT_EQ(search_by_halving(best, options).loss, 0.01);
}

TEST(Halving, NamesTheFileThatIsDamaged) {
  const std::string file = testing::TempDir() + "damaged.json";
  HalvingOptions options = {.trials = 2, .rungs = 2};
  options.state_file = file;
  for (const char* text :
       {"", "{", "[]", R"({"key": ""})", R"({"key": "", "seconds": "1", "losses": []})",
        R"({"key": "", "seconds": 1, "losses": [1]})",
        R"({"key": "", "seconds": 1, "losses": [["a"]]})",
        R"({"key": "", "seconds": 1, "losses": [[3, 2, 1]]})"}) {
    write_file(file, text);
    EXPECT_THAT(error_of([&] { search_by_halving(falling, options); }),
                testing::HasSubstr("damaged.json"))
        << text;
  }
}

TEST(Halving, ErrorsOfCallsAndFiles) {
  HalvingOptions options = {.trials = 9, .workers = 2};
  options.progress = [](const HalvingProgress&) { fail("no progress"); };
  EXPECT_THROW(search_by_halving(falling, options), Error);
  options.progress = nullptr;
  options.stop = []() -> bool { fail("no stop"); };
  EXPECT_THROW(search_by_halving(falling, options), Error);
  options.stop = nullptr;
  options.state_file = testing::TempDir() + "no/such/folder/search.json";
  EXPECT_EQ(search_by_halving(falling, options).begun, 9);
}

TEST(Halving, FailedTrialsAreNotPromotedAndErrorsComeOut) {
  struct Diverges : Trial {
    double advance(const std::function<bool()>&) override { return std::nan(""); }
    std::unique_ptr<Trial> clone() const override { return std::make_unique<Diverges>(*this); }
  };
  const auto diverging = [](int64_t) { return std::make_unique<Diverges>(); };
  const HalvingResult none = search_by_halving(diverging, {.trials = 9});
  EXPECT_EQ(none.advances, 9);
  EXPECT_TRUE(std::isinf(none.loss));
  EXPECT_EQ(none.trial, nullptr);
  const auto broken = [](int64_t) -> std::unique_ptr<Trial> { fail("no such trial"); };
  EXPECT_THROW(search_by_halving(broken, {.workers = 2}), Error);
}

}  // namespace
}  // namespace papilio::optim
