// Schedules: the learning rate as a pure function of the step and of the validation history, both
// of which a checkpoint holds. Nothing here has a state, so a resumed run sees the rates of an
// uninterrupted one.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "papilio/core/config.h"

namespace papilio::optim {

struct ScheduleState {
  int64_t step;                        ///< optimizer steps done so far: 0 for the first step
  std::span<const double> validation;  ///< one value per finished epoch, larger is better
};

/// The factor on the base learning rate:
/// `optimizer.set_learning_rate(base * schedule({optimizer.steps(), validation}))`.
using Schedule = std::function<double(const ScheduleState&)>;

// Everything is counted in steps, but plateau's patience in epochs. Arguments out of range are an
// Error: counts are at least 1 and factors finite and > 0 unless said otherwise.

/// 1
Schedule constant();
/// gamma^floor(step / every)
Schedule step_decay(int64_t every, double gamma = 0.1);
/// gamma^(number of milestones <= step); milestones ascend.
Schedule multi_step(std::vector<int64_t> milestones, double gamma = 0.1);
/// gamma^(step / every), smoothly
Schedule exponential(double gamma, int64_t every = 1);
/// Half a cosine from 1 to final_factor >= 0 at step `total`, and final_factor from there on
/// (Loshchilov and Hutter 2017).
Schedule cosine(int64_t total, double final_factor = 0);
/// 1 up to step `begin` >= 0, then a line to final_factor >= 0 at step `total` > begin, and
/// final_factor from there on.
Schedule linear(int64_t total, double final_factor = 0, int64_t begin = 0);
/// inner times (step + 1) / steps in the first `steps` >= 0 steps, inner afterwards (Goyal et al.
/// 2017).
Schedule warm_up(int64_t steps, Schedule inner);
/// Multiplies by gamma in (0, 1), though never below min_factor >= 0, whenever more than `patience`
/// >= 0 epochs in a row have not beaten the best validation value by more than `threshold` >= 0;
/// counting then begins anew. PyTorch's ReduceLROnPlateau with mode "max" and threshold_mode "abs".
/// NaN beats nothing.
Schedule plateau(int64_t patience = 10, double gamma = 0.1, double threshold = 1e-4,
                 double min_factor = 0);

/// "constant", "step", "multi-step", "exponential", "cosine", "linear", "plateau".
std::vector<std::string> schedule_names();
/// A schedule from {"name": "step", "every": 30, "gamma": 0.1, "warm_up": 5}. The keys are the
/// arguments above; `every`, `milestones`, `begin` and `warm_up` are in epochs, whole or not, and
/// cosine and linear end at total_steps. warm_up goes with each name. Throws Error that lists the
/// valid ones for an unknown name or key.
Schedule make_schedule(const Config& config, int64_t steps_per_epoch, int64_t total_steps);

}  // namespace papilio::optim
