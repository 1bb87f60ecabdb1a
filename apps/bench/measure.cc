#include "papilio/apps/bench/measure.h"

#include <time.h>  // NOLINT: clock_gettime() is not in <ctime>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "papilio/models/interrupt.h"

namespace papilio::bench {
namespace {

constexpr double kBurst = 1e-3;  ///< seconds; also of the calls before a burst that aren't timed
constexpr double kGivenUp = std::numeric_limits<double>::infinity();
constexpr int kLeastRounds = 3;

double now(bool wall_time) {
  timespec t{};
  clock_gettime(wall_time ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

struct Runner {
  const Candidate* candidate = nullptr;
  int64_t repeats = 1;
  double first = kGivenUp;  ///< seconds of a call, roughly
  bool given_up = false;
  std::vector<double> times;
};

double burst(const Candidate& candidate, int64_t repeats, bool wall_time) {
  const double start = now(wall_time);
  for (int64_t i = 0; i < repeats; ++i) candidate.run();
  return (now(wall_time) - start) / static_cast<double>(repeats);
}

/// The first call compiles primitives and touches memory. Then some more, so that one disturbance
/// does not get a candidate given up.
void warm_up(Runner& runner, bool wall_time) {
  constexpr int kLeast = 2, kMost = 10;
  constexpr double kEnough = 20e-3;
  runner.first = burst(*runner.candidate, 1, wall_time);
  double spent = runner.first;
  for (int trial = 0; trial < kMost && (trial < kLeast || spent < kEnough); ++trial) {
    if (spent > 1) break;  // of a very long call, the first says enough
    int64_t repeats = 1;
    double seconds = burst(*runner.candidate, repeats, wall_time);
    while (seconds * static_cast<double>(repeats) < kBurst / 2)
      seconds = burst(*runner.candidate, repeats *= 2, wall_time);
    runner.first = std::min(runner.first, seconds);
    spent += seconds * static_cast<double>(repeats);
  }
  runner.repeats = std::max<int64_t>(1, std::llround(std::ceil(kBurst / runner.first)));
}

/// Only where that saves something, and where times before the first round can be relied on.
void give_up_the_slow(std::vector<Runner>& runners, bool wall_time) {
  if (wall_time) return;
  std::map<int, double> best;
  for (const Runner& runner : runners) {
    double& seconds = best.try_emplace(runner.candidate->group, kGivenUp).first->second;
    seconds = std::min(seconds, runner.first);
  }
  for (Runner& runner : runners) {
    const int group = runner.candidate->group;
    runner.given_up = group >= 0 && runner.first > kBurst && runner.first > 2 * best[group];
  }
}

void run_round(std::vector<Runner>& runners, bool wall_time) {
  for (Runner& runner : runners) {
    if (runner.given_up) continue;
    if (models::Interrupt::requested()) return;
    if (runner.first < kBurst) burst(*runner.candidate, runner.repeats / 2 + 1, wall_time);
    runner.times.push_back(burst(*runner.candidate, runner.repeats, wall_time));
  }
}

double percentile_20(std::vector<double>& times) {
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>((times.size() - 1) / 5);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

}  // namespace

std::vector<double> measure(const std::vector<Candidate>& candidates,
                            const MeasureOptions& options) {
  std::vector<Runner> runners;
  for (const Candidate& candidate : candidates) {
    runners.emplace_back().candidate = &candidate;
    warm_up(runners.back(), options.wall_time);
    if (models::Interrupt::requested()) return {};
  }
  give_up_the_slow(runners, options.wall_time);
  const double end = now(true) + options.seconds;
  for (int round = 0; round < kLeastRounds || now(true) < end; ++round) {
    run_round(runners, options.wall_time);
    if (models::Interrupt::requested()) return {};
  }
  std::vector<double> seconds;
  for (Runner& runner : runners)
    seconds.push_back(runner.given_up ? kGivenUp : percentile_20(runner.times));
  return seconds;
}

}  // namespace papilio::bench
