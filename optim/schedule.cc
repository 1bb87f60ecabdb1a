#include "papilio/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "papilio/optim/options.h"

namespace papilio::optim {
namespace {

void check_at_least(std::string_view schedule, std::string_view argument, int64_t value,
                    int64_t least) {
  check(value >= least, "schedule ", schedule, ": ", argument, " = ", value,
        ", it must be >= ", least);
}

// How far `step` is on the way to `total`, in [0, 1].
double progress(int64_t step, int64_t total) {
  return static_cast<double>(std::min(step, total)) / static_cast<double>(total);
}

double power(double gamma, int64_t exponent) {
  return std::pow(gamma, static_cast<double>(exponent));
}

}  // namespace

Schedule constant() {
  return [](const ScheduleState&) { return 1.0; };
}

Schedule step_decay(int64_t every, double gamma) {
  check_at_least("step", "every", every, 1);
  check_positive("schedule step", "gamma", gamma);
  return [=](const ScheduleState& now) { return power(gamma, now.step / every); };
}

Schedule multi_step(std::vector<int64_t> milestones, double gamma) {
  check_positive("schedule multi-step", "gamma", gamma);
  check(std::ranges::is_sorted(milestones), "schedule multi-step: the milestones must ascend");
  return [=](const ScheduleState& now) {
    return power(gamma, std::ranges::upper_bound(milestones, now.step) - milestones.begin());
  };
}

Schedule exponential(double gamma, int64_t every) {
  check_positive("schedule exponential", "gamma", gamma);
  check_at_least("exponential", "every", every, 1);
  return [=](const ScheduleState& now) {
    return std::pow(gamma, static_cast<double>(now.step) / static_cast<double>(every));
  };
}

Schedule cosine(int64_t total, double final_factor) {
  check_at_least("cosine", "total", total, 1);
  check_not_negative("schedule cosine", "final_factor", final_factor);
  return [=](const ScheduleState& now) {
    const double height = (1 + std::cos(std::numbers::pi * progress(now.step, total))) / 2;
    return final_factor + (1 - final_factor) * height;
  };
}

Schedule linear(int64_t total, double final_factor, int64_t begin) {
  check_at_least("linear", "begin", begin, 0);
  check_at_least("linear", "total", total, begin + 1);
  check_not_negative("schedule linear", "final_factor", final_factor);
  return [=](const ScheduleState& now) {
    const int64_t past = std::max<int64_t>(now.step - begin, 0);
    return 1 + (final_factor - 1) * progress(past, total - begin);
  };
}

Schedule warm_up(int64_t steps, Schedule inner) {
  check_at_least("warm-up", "steps", steps, 0);
  check(inner != nullptr, "schedule warm-up: the inner schedule is empty; give it constant()");
  return [=, inner = std::move(inner)](const ScheduleState& now) {
    return inner(now) * (now.step < steps ? progress(now.step + 1, steps) : 1);
  };
}

Schedule plateau(int64_t patience, double gamma, double threshold, double min_factor) {
  check_at_least("plateau", "patience", patience, 0);
  check(gamma > 0 && gamma < 1, "schedule plateau: gamma = ", gamma, ", it must be in (0, 1)");
  check_not_negative("schedule plateau", "threshold", threshold);
  check_not_negative("schedule plateau", "min_factor", min_factor);
  return [=](const ScheduleState& now) {
    double factor = 1, best = -std::numeric_limits<double>::infinity();
    int64_t waited = 0;
    for (const double value : now.validation) {
      const bool better = value > best + threshold;
      if (better) best = value;
      waited = better ? 0 : waited + 1;
      if (waited <= patience) continue;
      factor = std::max(factor * gamma, min_factor);
      waited = 0;
    }
    return factor;
  };
}

namespace {

struct Length {
  int64_t steps_per_epoch, total_steps;

  int64_t steps(double epochs) const {
    check_not_negative("schedule", "a number of epochs", epochs);
    return std::llround(epochs * static_cast<double>(steps_per_epoch));
  }
};

Schedule make_constant(const Config& c, const Length&) {
  c.expect_keys({"name", "warm_up"}, "schedule constant");
  return constant();
}

Schedule make_step(const Config& c, const Length& length) {
  c.expect_keys({"name", "warm_up", "every", "gamma"}, "schedule step");
  return step_decay(length.steps(c.at("every").as_double()), c.get("gamma", 0.1));
}

Schedule make_multi_step(const Config& c, const Length& length) {
  c.expect_keys({"name", "warm_up", "milestones", "gamma"}, "schedule multi-step");
  std::vector<int64_t> milestones;
  for (const Config& epoch : c.at("milestones").as_array())
    milestones.push_back(length.steps(epoch.as_double()));
  return multi_step(std::move(milestones), c.get("gamma", 0.1));
}

Schedule make_exponential(const Config& c, const Length& length) {
  c.expect_keys({"name", "warm_up", "every", "gamma"}, "schedule exponential");
  return exponential(c.at("gamma").as_double(), length.steps(c.get("every", 1.0)));
}

Schedule make_cosine(const Config& c, const Length& length) {
  c.expect_keys({"name", "warm_up", "final_factor"}, "schedule cosine");
  return cosine(length.total_steps, c.get("final_factor", 0.0));
}

Schedule make_linear(const Config& c, const Length& length) {
  c.expect_keys({"name", "warm_up", "final_factor", "begin"}, "schedule linear");
  return linear(length.total_steps, c.get("final_factor", 0.0), length.steps(c.get("begin", 0.0)));
}

Schedule make_plateau(const Config& c, const Length&) {
  c.expect_keys({"name", "warm_up", "patience", "gamma", "threshold", "min_factor"},
                "schedule plateau");
  return plateau(c.get("patience", 10), c.get("gamma", 0.1), c.get("threshold", 1e-4),
                 c.get("min_factor", 0.0));
}

struct Row {
  std::string_view name;
  Schedule (*make)(const Config&, const Length&);
};

constexpr Row kSchedules[] = {
    {"constant", make_constant},       {"step", make_step},     {"multi-step", make_multi_step},
    {"exponential", make_exponential}, {"cosine", make_cosine}, {"linear", make_linear},
    {"plateau", make_plateau},
};

}  // namespace

std::vector<std::string> schedule_names() {
  std::vector<std::string> names;
  for (const Row& row : kSchedules) names.emplace_back(row.name);
  return names;
}

Schedule make_schedule(const Config& config, int64_t steps_per_epoch, int64_t total_steps) {
  check(steps_per_epoch >= 1, "schedule: steps_per_epoch = ", steps_per_epoch, ", it must be >= 1");
  const Length length{steps_per_epoch, total_steps};
  const std::string& name = config.at("name").as_string();
  std::string valid;
  for (const Row& row : kSchedules) {
    if (row.name == name)
      return warm_up(length.steps(config.get("warm_up", 0.0)), row.make(config, length));
    valid += concat(valid.empty() ? "" : ", ", row.name);
  }
  fail("schedule: '", name, "' is unknown; the valid names are ", valid);
}

}  // namespace papilio::optim
