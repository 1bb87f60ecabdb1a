#include "papilio/optim/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace papilio::optim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

void expect_factors(const Schedule& schedule, const std::vector<double>& expected) {
  for (size_t step = 0; step < expected.size(); ++step)
    EXPECT_NEAR(schedule({.step = static_cast<int64_t>(step), .validation = {}}), expected[step],
                1e-14)
        << "at step " << step;
}

double at(const Schedule& schedule, int64_t step) {
  return schedule({.step = step, .validation = {}});
}

// The expected numbers of the next seven tests are those of PyTorch 1.13: the rates of SGD(lr=1)
// that is stepped under the scheduler named above each, before the first step and after each.

TEST(Schedule, Constant) { expect_factors(constant(), {1, 1, 1}); }

// StepLR(o, 3, 0.5)
TEST(Schedule, StepDecay) {
  expect_factors(step_decay(3, 0.5), {1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125});
}

// MultiStepLR(o, [2, 5, 5, 8], 0.3)
TEST(Schedule, MultiStep) {
  expect_factors(multi_step({2, 5, 5, 8}, 0.3),
                 {1, 1, 0.3, 0.3, 0.3, 0.027, 0.027, 0.027, 0.0081, 0.0081});
  expect_factors(multi_step({}), {1, 1});
}

// ExponentialLR(o, 0.9)
TEST(Schedule, Exponential) {
  expect_factors(exponential(0.9), {1, 0.9, 0.81, 0.729, 0.6561, 0.59049});
  expect_factors(exponential(0.25, 2), {1, 0.5, 0.25, 0.125});
}

// CosineAnnealingLR(o, 8, 0.1)
TEST(Schedule, Cosine) {
  const Schedule schedule = cosine(8, 0.1);
  expect_factors(schedule, {1, 0.9657457896300791, 0.8681980515339464, 0.7222075445642905, 0.55,
                            0.3777924554357097, 0.2318019484660537, 0.134254210369921, 0.1});
  EXPECT_DOUBLE_EQ(at(schedule, 100), 0.1);
  EXPECT_EQ(at(cosine(8), 8), 0);
}

// LinearLR(o, 1.0, 0.2, 8)
TEST(Schedule, Linear) {
  expect_factors(linear(8, 0.2), {1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.2, 0.2});
  EXPECT_EQ(at(linear(8), 9), 0);
}

// ChainedScheduler([LinearLR(o, 0.25, 1.0, 3), StepLR(o, 2, 0.5)])
TEST(Schedule, WarmUp) {
  expect_factors(warm_up(4, step_decay(2, 0.5)), {0.25, 0.5, 0.375, 0.5, 0.25, 0.25, 0.125, 0.125});
  expect_factors(warm_up(0, step_decay(2, 0.5)), {1, 1, 0.5});
}

// ReduceLROnPlateau(o, mode='max', factor=0.5, patience=2, threshold=0.01, threshold_mode='abs',
// min_lr=0.2, eps=0)
TEST(Schedule, Plateau) {
  const std::vector<double> validation = {0.3,  0.5,  0.5,  0.505, 0.4,  0.52, 0.52, 0.52,
                                          0.52, 0.52, 0.52, 0.52,  0.52, 0.52, 0.6,  0.61};
  const double expected[] = {1,    1,    1,    1,   1,   0.5, 0.5, 0.5, 0.5,
                             0.25, 0.25, 0.25, 0.2, 0.2, 0.2, 0.2, 0.2};
  const Schedule schedule = plateau(2, 0.5, 0.01, 0.2);
  for (size_t epochs = 0; epochs <= validation.size(); ++epochs)
    EXPECT_DOUBLE_EQ(schedule({.step = 7, .validation = std::span(validation).first(epochs)}),
                     expected[epochs])
        << "after " << epochs << " epochs";
}

TEST(Schedule, PlateauTakesNanForNoProgress) {
  const std::vector<double> validation = {0.5, std::nan(""), std::nan("")};
  EXPECT_DOUBLE_EQ(plateau(1, 0.5)({.step = 0, .validation = validation}), 0.5);
}

TEST(Schedule, RefusesBadArguments) {
  const double nan = std::nan("");
  EXPECT_THAT(error_of([] { step_decay(0); }),
              HasSubstr("schedule step: every = 0, it must be >= 1"));
  EXPECT_THAT(error_of([] { step_decay(3, 0); }), HasSubstr("gamma = 0"));
  EXPECT_THAT(error_of([] { multi_step({3, 2}); }), HasSubstr("milestones must ascend"));
  EXPECT_THAT(error_of([&] { multi_step({3}, nan); }), HasSubstr("gamma"));
  EXPECT_THAT(error_of([] { exponential(-1); }), HasSubstr("gamma = -1"));
  EXPECT_THAT(error_of([] { exponential(0.5, 0); }), HasSubstr("every = 0"));
  EXPECT_THAT(error_of([] { cosine(0); }), HasSubstr("schedule cosine: total = 0"));
  EXPECT_THAT(error_of([] { cosine(3, -1); }), HasSubstr("final_factor = -1"));
  EXPECT_THAT(error_of([] { linear(-1); }), HasSubstr("total = -1"));
  EXPECT_THAT(error_of([&] { linear(3, nan); }), HasSubstr("final_factor"));
  EXPECT_THAT(error_of([] { warm_up(-1, constant()); }), HasSubstr("steps = -1"));
  EXPECT_THAT(error_of([] { warm_up(1, {}); }), HasSubstr("inner schedule is empty"));
  EXPECT_THAT(error_of([] { plateau(-1); }), HasSubstr("patience = -1"));
  EXPECT_THAT(error_of([] { plateau(1, 1); }), HasSubstr("gamma = 1"));
  EXPECT_THAT(error_of([] { plateau(1, 0.5, -1); }), HasSubstr("threshold = -1"));
  EXPECT_THAT(error_of([] { plateau(1, 0.5, 0, -1); }), HasSubstr("min_factor = -1"));
}

Schedule from(const char* json) { return make_schedule(Config::parse(json), 10, 100); }

TEST(MakeSchedule, CountsInEpochs) {
  EXPECT_EQ(at(from(R"({"name": "constant"})"), 99), 1);
  const Schedule step = from(R"({"name": "step", "every": 1.5, "gamma": 0.5})");
  EXPECT_THAT((std::vector{at(step, 14), at(step, 15), at(step, 30)}), ElementsAre(1, 0.5, 0.25));
  const Schedule multi = from(R"({"name": "multi-step", "milestones": [2, 5.5], "gamma": 0.5})");
  EXPECT_THAT((std::vector{at(multi, 19), at(multi, 20), at(multi, 54), at(multi, 55)}),
              ElementsAre(1, 0.5, 0.5, 0.25));
  EXPECT_DOUBLE_EQ(at(from(R"({"name": "exponential", "gamma": 0.5})"), 20), 0.25);
  EXPECT_DOUBLE_EQ(at(from(R"({"name": "cosine"})"), 50), 0.5);
  EXPECT_DOUBLE_EQ(at(from(R"({"name": "linear", "final_factor": 0.5})"), 100), 0.5);
  const std::vector<double> flat(3, 0.5);
  EXPECT_DOUBLE_EQ(
      from(R"({"name": "plateau", "patience": 1, "gamma": 0.5})")({.step = 30, .validation = flat}),
      0.5);
  const Schedule warm = from(R"({"name": "linear", "warm_up": 2})");
  EXPECT_DOUBLE_EQ(at(warm, 0), 0.05);
  EXPECT_DOUBLE_EQ(at(warm, 20), 0.8);
}

TEST(MakeSchedule, RefusesBadConfigurations) {
  EXPECT_THAT(
      error_of([] { from(R"({"name": "poly"})"); }),
      HasSubstr("'poly' is unknown; the valid names are constant, step, multi-step, exponential, "
                "cosine, linear, plateau"));
  EXPECT_THAT(error_of([] { from(R"({"name": "cosine", "gamma": 0.1})"); }),
              HasSubstr("final_factor"));
  EXPECT_THAT(error_of([] { from(R"({"name": "step"})"); }), HasSubstr("every"));
  EXPECT_THAT(error_of([] { from(R"({"name": "step", "every": 0.01})"); }), HasSubstr("every = 0"));
  EXPECT_THAT(error_of([] { from(R"({"name": "constant", "warm_up": -1})"); }), HasSubstr("= -1"));
  EXPECT_THAT(error_of([] { from(R"({"gamma": 1})"); }), HasSubstr("name"));
  EXPECT_THAT(error_of([] {
                make_schedule({{"name", "constant"}}, 0, 10);
              }),
              HasSubstr("steps_per_epoch = 0"));
}

TEST(MakeSchedule, TheTableHasEveryName) {
  EXPECT_THAT(schedule_names(), ElementsAre("constant", "step", "multi-step", "exponential",
                                            "cosine", "linear", "plateau"));
  for (const std::string& name : schedule_names()) {
    Config config{{"name", name}};
    if (name == "step") config["every"] = 2;
    if (name == "multi-step") config["milestones"] = Config::Array{Config(2)};
    if (name == "exponential") config["gamma"] = 0.5;
    EXPECT_EQ(at(make_schedule(config, 10, 100), 0), 1) << name;
  }
}

}  // namespace
}  // namespace papilio::optim
