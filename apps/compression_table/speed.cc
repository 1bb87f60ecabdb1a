#include "papilio/apps/compression_table/speed.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "papilio/apps/compression_table/rows.h"
#include "papilio/core/tape.h"
#include "papilio/models/compressed_mlp.h"

namespace papilio::compression_table {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Median over the calls of about `budget` seconds, at least 3.
double median_call(Module& model, const Tensor& x, double budget) {
  std::vector<double> times;
  for (double total = 0; total < budget || times.size() < 3; total += times.back()) {
    const auto start = Clock::now();
    model(x);
    times.push_back(seconds_since(start));
  }
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

// Seconds of a call of each, with batches of that size.
std::vector<double> in_turn(const std::vector<Module*>& models, int64_t batch, int rounds,
                            double budget) {
  const NoTape guard;
  const Tensor x = rand_uniform({batch, kFeatures}, 0, 1, Rng(1));
  for (Module* model : models) median_call(*model, x, budget / 4);  // packs weights, warms caches
  std::vector<double> best(models.size(), std::numeric_limits<double>::infinity());
  for (int round = 0; round < rounds; ++round)
    for (size_t i = 0; i < models.size(); ++i)
      best[i] = std::min(best[i], median_call(*models[i], x, budget));
  return best;
}

}  // namespace

std::vector<Speed> measure(const std::vector<Module*>& models) {
  constexpr int64_t kBatch = 256;
  const std::vector<double> one = in_turn(models, 1, 15, 0.02),
                            many = in_turn(models, kBatch, 9, 0.03);
  std::vector<Speed> speeds;
  for (size_t i = 0; i < models.size(); ++i)
    speeds.push_back({1e6 * one[i], static_cast<double>(kBatch) / many[i]});
  return speeds;
}

int64_t width_of_latency(Module& reference, int64_t classes) {
  int64_t fits = 1, too_wide = kFeatures;
  while (too_wide - fits > 1) {
    const int64_t width = (fits + too_wide) / 2;
    models::CompressedMlp dense({.inputs = kFeatures,
                                 .hidden = "dense",
                                 .width = width,
                                 .classes = classes,
                                 .statistics = {}},
                                Rng(1));
    const std::vector<double> times = in_turn({&reference, &dense}, 1, 9, 0.01);
    (times[1] <= times[0] ? fits : too_wide) = width;
  }
  return fits;
}

}  // namespace papilio::compression_table
