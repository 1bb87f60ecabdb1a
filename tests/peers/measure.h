// What Papilio's sides of the runs against PyTorch share: the clock, and the speed of a network in
// training and inference on batches in memory. clock.py is the same clock in Python.
#pragma once

#include <papilio/papilio.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include "papilio/core/threads.h"

namespace papilio::peers {

inline double wall() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

/// Seconds of the processor as spent by this process, so that neighbours count for little. With
/// more threads than one that would not say how well they share the work: seconds of the wall then.
inline double now() {
  if (threads() > 1) return wall();
  timespec spent{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) + 1e-9 * static_cast<double>(spent.tv_nsec);
}

inline double lower_quartile(std::vector<double> samples) {
  const auto at = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 4);
  std::nth_element(samples.begin(), at, samples.end());
  return *at;
}

/// Seconds that a call of body() takes, the lower quartile of the samples taken in `budget`
/// seconds; a sample is as many calls as last at least 10 ms.
template <class Body>
double seconds_per_call(double budget, Body&& body) {
  int64_t calls = 1;
  double once = 0;
  const auto sample = [&] {
    const double begin = now();
    for (int64_t i = 0; i < calls; ++i) body();
    return now() - begin;
  };
  for (sample(); (once = sample()) < 0.01;) calls *= 2;  // warms up, too
  std::vector<double> samples;
  for (const double end = wall() + budget; wall() < end || samples.size() < 5;)
    samples.push_back(sample() / static_cast<double>(calls));
  return lower_quartile(samples);
}

struct Batch {
  Tensor images, labels;
};

/// The most memory that this process has held, in MB.
inline double peak_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) * 1024 / 1e6;
  return 0;
}

/// Images a second in training by SGD with momentum 0.9, and where a step spends its time.
inline Config train_speed(Module& model, const std::vector<Batch>& data, double budget) {
  optim::Sgd sgd(model.parameters(), {.lr = 0.001, .momentum = 0.9});
  size_t next = 0;
  const double seconds = seconds_per_call(budget, [&] {
    const auto& [images, labels] = data[next++ % data.size()];
    Tape tape;
    tape.backward(cross_entropy(model(images), labels));
    sgd.step();
  });

  constexpr const char* kParts[] = {"forward_us", "loss_us", "backward_us", "optimizer_us",
                                    "rest_us"};
  std::vector<double> spent[5];
  for (const double end = wall() + budget / 2; wall() < end || spent[0].size() < 3;) {
    const auto& [images, labels] = data[next++ % data.size()];
    double times[6] = {now()};
    {
      Tape tape;
      const Tensor logits = model(images);
      times[1] = now();
      const Tensor loss = cross_entropy(logits, labels);
      times[2] = now();
      tape.backward(loss);
      times[3] = now();
      sgd.step();
      times[4] = now();
    }
    times[5] = now();
    for (int i = 0; i < 5; ++i) spent[i].push_back((times[i + 1] - times[i]) * 1e6);
  }
  Config parts;
  for (int i = 0; i < 5; ++i) parts[kParts[i]] = lower_quartile(spent[i]);
  return {{"images_per_s", static_cast<double>(data[0].images.dim(0)) / seconds},
          {"us", seconds * 1e6},
          {"parts", parts}};
}

/// The same in inference.
inline Config infer_speed(Module& model, const std::vector<Batch>& data, double budget) {
  model.freeze();
  size_t next = 0;
  const double seconds =
      seconds_per_call(budget, [&] { model(data[next++ % data.size()].images); });
  return {{"images_per_s", static_cast<double>(data[0].images.dim(0)) / seconds},
          {"us", seconds * 1e6}};
}

}  // namespace papilio::peers
