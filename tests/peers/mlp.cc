// Papilio's side of the run against PyTorch: speed of the network of the compression experiment,
// 1024 -> hidden layer of 1024, ReLU -> 10, by SGD with momentum, on data in memory. mlp_torch.py
// is the other side; run.sh runs both and compares.
//
//   mlp [--json] [--threads N] [--seconds S] [--task TASK]... [HIDDEN...]
//
// A task alone, with many seconds, is what to give to a profiler.
#include <papilio/papilio.h>

#include <exception>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include "papilio/core/kernels/simd.h"
#include "papilio/core/memory.h"
#include "papilio/core/threads.h"
#include "papilio/tests/peers/measure.h"

using namespace papilio;
using peers::Batch;

namespace {

constexpr int64_t kInputs = 1024, kClasses = 10, kImages = 10240;

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

Config measure(const std::string& hidden, const std::string& task, double budget) {
  models::CompressedMlp model = make_model(hidden);
  if (task == "train_50") return peers::train_speed(model, batches(50), budget);
  if (task == "train_256") return peers::train_speed(model, batches(256), budget);
  if (task == "infer_1") return peers::infer_speed(model, batches(1), budget);
  if (task == "infer_256") return peers::infer_speed(model, batches(256), budget);
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
  memory::keep_freed_memory();  // as our executables do
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
