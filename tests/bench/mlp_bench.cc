// The network of the compression experiment, 1024 -> 1024 -> 10: training steps and inference with
// a dense and with a K-matrix hidden layer. OMP_NUM_THREADS sets the threads.

#include <benchmark/benchmark.h>

#include "papilio/core/system.h"
#include "papilio/models/compressed_mlp.h"
#include "papilio/optim/optimizer.h"

namespace papilio {
namespace {

constexpr int64_t kInputs = 1024, kClasses = 10;

models::CompressedMlp make_model(const char* hidden) {
  return {{.inputs = kInputs, .hidden = hidden, .classes = kClasses, .statistics = {}}, Rng(1)};
}

Tensor make_labels(int64_t batch) {
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < batch; ++i) labels.push_back(i % kClasses);
  return Tensor::from(labels, {batch});
}

void count_images(benchmark::State& state) {
  state.counters["images/s"] = benchmark::Counter(static_cast<double>(state.range(0)),
                                                  benchmark::Counter::kIsIterationInvariantRate);
}

void train(benchmark::State& state, const char* hidden) {
  models::CompressedMlp model = make_model(hidden);
  optim::Sgd sgd(model.parameters(), {.lr = 0.01, .momentum = 0.9});
  const Tensor images = randn({state.range(0), kInputs}, Rng(2)),
               labels = make_labels(state.range(0));
  for (auto _ : state) {
    Tape tape;
    tape.backward(cross_entropy(model(images), labels));
    sgd.step();
  }
  count_images(state);
}

void infer(benchmark::State& state, const char* hidden) {
  models::CompressedMlp model = make_model(hidden);
  model.freeze();
  const Tensor images = randn({state.range(0), kInputs}, Rng(2));
  for (auto _ : state) benchmark::DoNotOptimize(model(images));
  count_images(state);
}

void add(benchmark::internal::Benchmark* made, std::initializer_list<int64_t> batches) {
  made->ArgName("batch")->UseRealTime()->Unit(benchmark::kMicrosecond);
  for (const int64_t batch : batches) made->Arg(batch);
}

}  // namespace
}  // namespace papilio

int main(int argc, char** argv) {
  using namespace papilio;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  const SystemInfo system = system_info();
  benchmark::AddCustomContext("simd", system.simd);
  benchmark::AddCustomContext("threads", std::to_string(system.threads));
  for (const char* hidden : {"dense", "kmatrix"}) {
    const std::string suffix = std::string("/") + hidden;
    add(benchmark::RegisterBenchmark(("train" + suffix).c_str(), train, hidden), {50, 256});
    add(benchmark::RegisterBenchmark(("infer" + suffix).c_str(), infer, hidden), {1, 256});
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
