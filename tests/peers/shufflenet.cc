// Papilio's side of the run against PyTorch: speed of ShuffleNet v1 with 1000 classes on random
// images in memory. shufflenet_torch.py is the other side; `run.sh shufflenet` runs both.
//
//   shufflenet [--threads N] [--seconds S] [--width W] [--mixer M] --task TASK | --profile TASK
//
// A task is train_SIZE_BATCH or infer_SIZE_BATCH, for example train_64_128. Its figures come as
// JSON; a process measures one task, so that its peak memory is the task's. --profile lists the
// time and the arithmetic of a training step by kind of layer.
#include <papilio/papilio.h>

#include <exception>
#include <iomanip>
#include <iostream>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "papilio/core/kernels/peak.h"
#include "papilio/core/kernels/simd.h"
#include "papilio/core/memory.h"
#include "papilio/core/threads.h"
#include "papilio/tests/peers/measure.h"

using namespace papilio;
using peers::Batch;

namespace {

constexpr int64_t kClasses = 1000;

struct Options {
  bool profile = false;
  int threads = 1;
  double seconds = 2, width = 0.5;
  std::string mixer = "shuffle", task;
};

struct Task {
  bool train;
  int64_t size, batch;
};

Task parse_task(const std::string& text) {
  std::istringstream in(text);
  std::string kind;
  char underscore = 0;
  Task task{};
  std::getline(in, kind, '_');
  in >> task.size >> underscore >> task.batch;
  check(in && in.eof() && underscore == '_' && (kind == "train" || kind == "infer") &&
            task.batch >= 1,
        "shufflenet: no task '", text, "'; a task is train_SIZE_BATCH or infer_SIZE_BATCH");
  task.train = kind == "train";
  return task;
}

std::vector<Batch> batches(const Task& task) {
  std::vector<Batch> all;
  for (const uint64_t which : {0, 1}) {
    const Rng rng = Rng(1).split(which);
    Tensor labels({task.batch}, DType::i64);
    for (int64_t i = 0; i < task.batch; ++i)
      labels.mutable_data<int64_t>()[i] =
          rng.split("labels").below(kClasses, static_cast<uint64_t>(i));
    all.push_back(
        {rand_uniform({task.batch, task.size, task.size, 3}, 0, 1, rng.split("images")), labels});
  }
  return all;
}

models::ShuffleNet make_model(const Options& options, const Task& task) {
  return {{.classes = kClasses,
           .width = options.width,
           .mixer = options.mixer,
           .image_size = task.size,
           .statistics = {}},
          Rng(1)};
}

// ---- Profile

struct Call {
  Module* module;
  Tensor input, output;
};

struct Kind {
  double forward = 0, backward = 0;  ///< seconds
  int64_t flops = 0;                 ///< forward
};

// Paths of the modules that have no modules of their own.
class Leaves : public Fields {
 public:
  std::map<const Module*, std::string> paths;

 protected:
  bool module(const std::string& path, Module& member) override {
    Leaves below;
    member.fields(below);
    if (below.paths.empty()) paths[&member] = path;
    return true;
  }
};

// "Conv2d depthwise": the member's name without the digits that tell apart equal members.
std::string kind_of(const Module& module, const std::string& path) {
  std::string member = path.substr(path.rfind('.') + 1);
  if (member.starts_with("norm")) member.pop_back();
  const std::string type = module.describe();
  return type.substr(0, type.find('(')) + " " + member;
}

std::vector<Call> calls_of(Module& model, const Leaves& leaves, const Tensor& images) {
  std::vector<Call> calls;
  Tape tape;  // batch norm as in training
  const CallObserver observer([&](Module& module, const Tensor& input, const Tensor& output) {
    if (leaves.paths.contains(&module)) calls.push_back({&module, input.clone(), output.clone()});
  });
  model(images);
  return calls;
}

// Every layer alone, on the input that it has in the network, in training: what is left of the
// network's own time went to the functions between the layers.
std::map<std::string, Kind> profile_layers(Module& model, const Tensor& images) {
  Leaves leaves;
  model.fields(leaves);
  std::map<std::string, Kind> kinds;
  for (const auto& [module, input, output] : calls_of(model, leaves, images)) {
    Kind& kind = kinds[kind_of(*module, leaves.paths[module])];
    std::vector<double> forward, backward;
    for (int i = 0; i < 4; ++i) {
      Tape tape;
      const bool first = leaves.paths[module] == "standardize" || leaves.paths[module] == "conv1";
      const Tensor x = first ? input : tape.watch(input);
      const double begin = peers::now();
      const Tensor y = (*module)(x);
      const double middle = peers::now();
      if (leaves.paths[module] != "standardize") tape.backward(y, output);
      forward.push_back(middle - begin);
      backward.push_back(peers::now() - middle);
    }
    kind.forward += peers::lower_quartile(forward);
    kind.backward += peers::lower_quartile(backward);
    kind.flops += module->cost(input.shape()).flops;
  }
  return kinds;
}

void print_profile(const Options& options, const Task& task) {
  models::ShuffleNet model = make_model(options, task);
  const std::vector<Batch> data = batches(task);
  const Config parts = peers::train_speed(model, data, options.seconds).at("parts");
  const double forward = parts.at("forward_us").as_double() * 1e-6,
               backward = parts.at("backward_us").as_double() * 1e-6,
               peak = 2 * kernels::measure_fma_rate<float>() * threads();
  std::map<std::string, Kind> kinds = profile_layers(model, data[0].images);
  Kind rest{.forward = forward, .backward = backward};
  for (const auto& [name, kind] : kinds)
    rest.forward -= kind.forward, rest.backward -= kind.backward;
  kinds["between the layers"] = rest;
  kinds["the network"] = {.forward = forward, .backward = backward};

  std::cout << model.describe() << ", batch " << task.batch << ", " << threads() << " thread(s), "
            << kernels::simd_target() << ", peak " << std::lround(peak * 1e-9) << " GFLOP/s\n"
            << std::left << std::setw(28) << "layers" << std::right << std::setw(12) << "forward ms"
            << std::setw(8) << "share" << std::setw(10) << "GFLOP/s" << std::setw(9) << "of peak"
            << std::setw(13) << "backward ms" << std::setw(8) << "share" << '\n';
  for (const auto& [name, kind] : kinds) {
    std::cout << std::fixed << std::setprecision(2) << std::left << std::setw(28) << name
              << std::right << std::setw(12) << kind.forward * 1e3 << std::setprecision(0)
              << std::setw(6) << 100 * kind.forward / forward << " %";
    if (const double speed = static_cast<double>(kind.flops) / kind.forward; speed > 0)
      std::cout << std::setprecision(1) << std::setw(10) << speed * 1e-9 << std::setprecision(0)
                << std::setw(7) << 100 * speed / peak << " %";
    else
      std::cout << std::setw(19) << "";
    std::cout << std::setprecision(2) << std::setw(13) << kind.backward * 1e3
              << std::setprecision(0) << std::setw(6) << 100 * kind.backward / backward << " %\n";
  }
}

// ----

Options parse(std::span<char*> arguments) {
  Options options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string name = arguments[i];
    check(i + 1 < arguments.size(), "shufflenet: ", name, " takes a value");
    const std::string value = arguments[++i];
    if (name == "--threads")
      options.threads = std::stoi(value);
    else if (name == "--seconds")
      options.seconds = std::stod(value);
    else if (name == "--width")
      options.width = std::stod(value);
    else if (name == "--mixer")
      options.mixer = value;
    else if (name == "--task" || name == "--profile")
      options.task = value, options.profile = name == "--profile";
    else
      fail("shufflenet: no option ", name);
  }
  return options;
}

int run(const Options& options) {
  memory::keep_freed_memory();  // as our executables do
  set_threads(options.threads);
  const Task task = parse_task(options.task);
  if (options.profile) {
    print_profile(options, task);
    return 0;
  }
  models::ShuffleNet model = make_model(options, task);
  const std::vector<Batch> data = batches(task);
  Config report = task.train ? peers::train_speed(model, data, options.seconds)
                             : peers::infer_speed(model, data, options.seconds);
  report["parameters"] = model.parameter_count();
  report["simd"] = std::string(kernels::simd_target());
  report["peak_mb"] = peers::peak_mb();
  std::cout << report.dump(1) << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  return run(parse({argv + 1, static_cast<size_t>(argc - 1)}));
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
