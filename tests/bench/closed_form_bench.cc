// Closed-form factorisations: time, error and how often an entry oracle is asked.
// Each runs on one thread and on two. The noisy Hadamard matrix of size 16384 takes 2 GiB, the
// Fourier transform of size 2^20 from its entries 1 GiB.

#include <benchmark/benchmark.h>

#include <cmath>
#include <complex>

#include "papilio/core/ops.h"
#include "papilio/core/threads.h"
#include "papilio/layers/baselines.h"
#include "papilio/layers/closed_form.h"
#include "papilio/layers/entry_oracle.h"
#include "papilio/layers/root_of_unity.h"
#include "papilio/layers/target_matrix.h"

namespace papilio {
namespace {

using Complex = std::complex<double>;

double frobenius(const Tensor& matrix) {
  const int64_t count = matrix.numel() * (is_complex(matrix.dtype()) ? 2 : 1);
  const auto* x = static_cast<const double*>(matrix.raw());
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += x[i] * x[i];
  return std::sqrt(sum);
}

// Matrix by name, with independent uniform noise of `level` times its entries' root mean square.
Tensor noisy_target(const char* name, int64_t n, double level) {
  Tensor matrix = target_matrix(name, n);
  if (level == 0) return matrix;
  const double width = level * std::sqrt(12.0) * frobenius(matrix) / static_cast<double>(n);
  uint64_t state = 1;
  for (double& x : std::span(matrix.mutable_data<double>(), static_cast<size_t>(n * n))) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;  // Marsaglia's xorshift
    x += width * (std::ldexp(static_cast<double>(state >> 11), -53) - 0.5);
  }
  return matrix;
}

void fit(benchmark::State& state, const char* name, double noise, const char* permutation) {
  const int64_t n = state.range(0);
  set_threads(static_cast<int>(state.range(1)));
  const Tensor matrix = noisy_target(name, n, noise);
  ButterflyFit found;
  for (auto _ : state) found = fit_butterfly(matrix, {.permutation = permutation});
  state.counters["error"] = found.relative_error;
  if (noise > 0)  // of what was measured; the noise is relative to the matrix without it
    state.counters["error/noise"] = found.relative_error / (noise / std::hypot(1, noise));
  state.counters["rmse"] = found.relative_error * frobenius(matrix) / static_cast<double>(n);
  state.SetLabel(found.permutation);
}

// The error of a few columns, against the definition.
double error_of_columns(const OracleFit& found, int64_t n, const std::vector<Complex>& roots) {
  double error = 0, whole = 0;
  for (const int64_t column : {int64_t{1}, n / 3, n - 1}) {
    Tensor unit = Tensor::zeros({1, n}, DType::c128);
    unit.mutable_data<Complex>()[column] = 1;
    const Tensor y =
        butterfly_multiply(gather(unit, Tensor::from(found.index, {n})), found.twiddle, n);
    for (int64_t i = 0; i < n; ++i) {
      const Complex exact = roots[static_cast<size_t>(i * column % n)];
      error += std::norm(y.data<Complex>()[i] - exact);
      whole += std::norm(exact);
    }
  }
  return std::sqrt(error / whole);
}

void dft_from_entries(benchmark::State& state) {
  const int64_t n = state.range(0);
  set_threads(static_cast<int>(state.range(1)));
  std::vector<Complex> roots;
  for (int64_t k = 0; k < n; ++k)
    roots.push_back(root_of_unity(-k, n) / std::sqrt(static_cast<double>(n)));
  const EntryOracle dft = [&](auto rows, auto columns, auto values) {
    for (size_t e = 0; e < rows.size(); ++e)
      values[e] = roots[static_cast<size_t>(rows[e] * columns[e] & (n - 1))];
  };
  OracleFit found;
  for (auto _ : state) found = identify_butterfly(n, dft);
  state.counters["error"] = error_of_columns(found, n, roots);
  state.counters["sampled"] = found.sampled_error;
  state.counters["calls/parameter"] =
      static_cast<double>(found.evaluations) / static_cast<double>(found.parameters);
}

void baseline(benchmark::State& state, const char* name, Baseline (*make)(const Tensor&, int64_t)) {
  const int64_t n = state.range(0);
  set_threads(1);
  const Tensor matrix = target_matrix(name, n);
  Baseline found{};
  for (auto _ : state) found = make(matrix, butterfly_budget(n));
  state.counters["rmse"] = found.rmse;
}

void on_both(benchmark::internal::Benchmark* b) { b->Unit(benchmark::kMillisecond)->UseRealTime(); }

BENCHMARK_CAPTURE(fit, dft_search, "dft", 0, "search")
    ->ArgsProduct({{512, 1024, 4096}, {1, 2}})
    ->Apply(on_both);
BENCHMARK_CAPTURE(fit, hadamard_noise_1_percent, "hadamard", 0.01, "search")
    ->ArgsProduct({{1024, 4096, 16384}, {1, 2}})
    ->Apply(on_both);
BENCHMARK_CAPTURE(fit, hadamard_noise_10_percent, "hadamard", 0.1, "identity")
    ->ArgsProduct({{1024, 4096}, {1, 2}})
    ->Apply(on_both);
BENCHMARK_CAPTURE(fit, legendre_search, "legendre", 0, "search")
    ->ArgsProduct({{256, 1024}, {1, 2}})
    ->Apply(on_both);
BENCHMARK_CAPTURE(fit, randn_search, "randn", 0, "search")
    ->ArgsProduct({{1024}, {1, 2}})
    ->Apply(on_both);
BENCHMARK(dft_from_entries)
    ->ArgsProduct({{1 << 9, 1 << 12, 1 << 15, 1 << 18, 1 << 20}, {1, 2}})
    ->Apply(on_both);
BENCHMARK_CAPTURE(baseline, sparse, "legendre", sparse_baseline)->Arg(1024)->Apply(on_both);
BENCHMARK_CAPTURE(baseline, low_rank, "legendre", low_rank_baseline)->Arg(1024)->Apply(on_both);
BENCHMARK_CAPTURE(baseline, sparse_plus_low_rank, "legendre", sparse_plus_low_rank_baseline)
    ->Arg(1024)
    ->Apply(on_both);

}  // namespace
}  // namespace papilio

BENCHMARK_MAIN();
