// The butterfly kernels over n and batch, on one thread: samples/s, and the share of the machine's
// multiply-adds.
//
//   butterfly_bench --benchmark_filter='forward/rows/f32/1024/.*'

#include <benchmark/benchmark.h>

#include "papilio/apps/bench/butterflies.h"
#include "papilio/core/error.h"
#include "papilio/core/kernels/peak.h"
#include "papilio/core/system.h"
#include "papilio/core/threads.h"

namespace papilio::bench {
namespace {

double fma_rate(DType dtype) {
  static const double f32 = kernels::measure_fma_rate<float>(),
                      f64 = kernels::measure_fma_rate<double>();
  return real_of(dtype) == DType::f32 ? f32 : f64;
}

void measure(benchmark::State& state, const Case& c) {
  using benchmark::Counter;
  const auto program = butterfly(c);
  for (auto _ : state) {
    program->run();
    benchmark::ClobberMemory();
  }
  const auto batch = static_cast<double>(c.batch);
  state.counters["samples/s"] = Counter(batch, Counter::kIsIterationInvariantRate);
  state.counters["fma_share"] =
      Counter(batch * butterfly_slots(c) / fma_rate(c.dtype), Counter::kIsIterationInvariantRate);
}

void add(const Case& c) {
  if (!butterfly({c.op, c.layout, c.dtype, 2, 1})) return;  // there is no such kernel
  benchmark::RegisterBenchmark(
      concat(text(c.op), "/", text(c.layout), "/", text(c.dtype), "/", c.n, "/", c.batch).c_str(),
      [c](benchmark::State& state) { measure(state, c); })
      ->Unit(benchmark::kMicrosecond);
}

}  // namespace
}  // namespace papilio::bench

int main(int argc, char** argv) {
  using namespace papilio;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  set_threads(1);
  benchmark::AddCustomContext("simd", system_info().simd);
  for (const std::string& layout : bench::layout_names())
    for (const DType dtype : {DType::f32, DType::f64, DType::c64, DType::c128})
      for (const std::string& op : bench::op_names())
        for (const int64_t n : {64, 256, 1024, 4096})
          for (const int64_t batch : {1, 16, 64, 256, 1024})
            bench::add({bench::op_named(op), bench::layout_named(layout), dtype, n, batch});
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
