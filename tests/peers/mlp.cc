// Papilio's side of the run against PyTorch: speed of the network of the compression experiment,
// 1024 -> hidden layer of 1024, ReLU -> 10, by SGD with momentum, on data in memory. mlp_torch.py
// is the other side; run.sh runs both and compares.
//
//   mlp [--json] [--threads N] [--seconds S] [--task TASK]... [HIDDEN...]
//
// Times are of the processor as spent by this process, so that neighbours count for little, and the
// lower quartile of the samples taken in S seconds. A task alone, with many seconds, is what to
// give to a profiler.
#include <papilio/papilio.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <exception>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include "papilio/core/kernels/simd.h"
#include "papilio/core/threads.h"

using namespace papilio;

namespace {

constexpr int64_t kInputs = 1024, kClasses = 10, kImages = 10240;

double wall() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}
double processor() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double lower_quartile(std::vector<double> samples) {
  const auto at = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 4);
  std::nth_element(samples.begin(), at, samples.end());
  return *at;
}

/// Seconds that a call of body() takes; a sample is as many calls as last at least 10 ms.
template <class Body>
double seconds_per_call(double budget, Body&& body) {
  int64_t calls = 1;
  double once = 0;
  const auto sample = [&] {
    const double begin = processor();
    for (int64_t i = 0; i < calls; ++i) body();
    return processor() - begin;
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

/// All images in batches of `size`, cut once, as views of one tensor would be.
std::vector<Batch> batches(int64_t size) {
  static const Batch all = [] {
    const Rng rng(1);
    Tensor labels({kImages}, DType::i64);
    int64_t* label = labels.mutable_data<int64_t>();
    for (int64_t i = 0; i < kImages; ++i)
      label[i] = rng.split("labels").below(kClasses, static_cast<uint64_t>(i));
    return Batch{rand_uniform({kImages, kInputs}, 0, 1, rng.split("images")), labels};
  }();
  std::vector<Batch> cut;
  for (int64_t at = 0; at + size <= kImages; at += size)
    cut.push_back({slice(all.images, 0, at, at + size), slice(all.labels, 0, at, at + size)});
  return cut;
}

models::CompressedMlp make_model(const std::string& hidden) {
  return {{.inputs = kInputs,
           .hidden = hidden,
           .width = 1024,
           .classes = kClasses,
           .statistics = {Tensor::full({kInputs}, 0.5), Tensor::full({kInputs}, 0.29)}},
          Rng(1)};
}

/// What a step of training spends where, in microseconds.
struct Parts {
  std::vector<double> forward, loss, backward, optimizer, rest;
  Config config() const {
    return {{"forward_us", lower_quartile(forward)},
            {"loss_us", lower_quartile(loss)},
            {"backward_us", lower_quartile(backward)},
            {"optimizer_us", lower_quartile(optimizer)},
            {"rest_us", lower_quartile(rest)}};
  }
};

Config train(const std::string& hidden, int64_t size, double budget) {
  models::CompressedMlp model = make_model(hidden);
  optim::Sgd sgd(model.parameters(), {.lr = 0.001, .momentum = 0.9});
  const std::vector<Batch> data = batches(size);
  size_t next = 0;
  const double seconds = seconds_per_call(budget, [&] {
    const auto& [images, labels] = data[next++ % data.size()];
    Tape tape;
    tape.backward(cross_entropy(model(images), labels));
    sgd.step();
  });

  Parts parts;
  double times[6];
  const auto since = [&](int i) { return (times[i] - times[i - 1]) * 1e6; };
  for (const double end = wall() + budget / 2; wall() < end || parts.rest.size() < 5;) {
    const auto& [images, labels] = data[next++ % data.size()];
    times[0] = processor();
    {
      Tape tape;
      const Tensor logits = model(images);
      times[1] = processor();
      const Tensor loss = cross_entropy(logits, labels);
      times[2] = processor();
      tape.backward(loss);
      times[3] = processor();
      sgd.step();
      times[4] = processor();
    }
    times[5] = processor();
    parts.forward.push_back(since(1));
    parts.loss.push_back(since(2));
    parts.backward.push_back(since(3));
    parts.optimizer.push_back(since(4));
    parts.rest.push_back(since(5));
  }
  return {{"images_per_s", static_cast<double>(size) / seconds},
          {"us", seconds * 1e6},
          {"parts", parts.config()}};
}

Config infer(const std::string& hidden, int64_t size, double budget) {
  models::CompressedMlp model = make_model(hidden);
  model.freeze();
  const std::vector<Batch> data = batches(size);
  size_t next = 0;
  const double seconds =
      seconds_per_call(budget, [&] { model(data[next++ % data.size()].images); });
  return {{"images_per_s", static_cast<double>(size) / seconds}, {"us", seconds * 1e6}};
}

Config measure(const std::string& hidden, const std::string& task, double budget) {
  if (task == "train_50") return train(hidden, 50, budget);
  if (task == "train_256") return train(hidden, 256, budget);
  if (task == "infer_1") return infer(hidden, 1, budget);
  if (task == "infer_256") return infer(hidden, 256, budget);
  fail("mlp: no task ", task, "; the tasks are train_50, train_256, infer_1, infer_256");
}

struct Options {
  bool json = false;
  int threads = 1;
  double seconds = 0.5;
  std::vector<std::string> tasks, hidden;
};

Options parse(std::span<char*> arguments) {
  Options options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string name = arguments[i];
    const auto value = [&] {
      check(i + 1 < arguments.size(), "mlp: ", name, " takes a value");
      return std::string(arguments[++i]);
    };
    if (name == "--json")
      options.json = true;
    else if (name == "--threads")
      options.threads = std::stoi(value());
    else if (name == "--seconds")
      options.seconds = std::stod(value());
    else if (name == "--task")
      options.tasks.push_back(value());
    else
      options.hidden.push_back(name);
  }
  if (options.tasks.empty()) options.tasks = {"train_50", "train_256", "infer_1", "infer_256"};
  if (options.hidden.empty()) options.hidden = {"dense", "butterfly", "kmatrix", "bpbp-complex"};
  return options;
}

int run(const Options& options) {
  set_threads(options.threads);
  Config report = {{"threads", threads()}, {"simd", std::string(kernels::simd_target())}};
  for (const std::string& hidden : options.hidden)
    for (const std::string& task : options.tasks) {
      const Config result = measure(hidden, task, options.seconds);
      report[hidden][task] = result;
      if (!options.json) std::cout << hidden << ' ' << task << ' ' << result.dump() << std::endl;
    }
  if (options.json) std::cout << report.dump(1) << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  return run(parse({argv + 1, static_cast<size_t>(argc - 1)}));
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
