#include "papilio/apps/bench/row.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ostream>

#include "papilio/apps/bench/butterflies.h"
#include "papilio/apps/bench/dense.h"
#include "papilio/apps/bench/fft.h"
#include "papilio/apps/bench/measure.h"
#include "papilio/core/kernels/peak.h"
#include "papilio/core/threads.h"

namespace papilio::bench {
namespace {

constexpr double kHonestDense = 0.85;
constexpr int64_t kLoop = 1 << 20;  ///< operations of a run of the FMA loop: 10 to 200 us

Candidate fma_loop(DType dtype) {
  if (real_of(dtype) == DType::f32)
    return {"fma loop", [] { kernels::run_fma_loop<float>(kLoop); }};
  return {"fma loop", [] { kernels::run_fma_loop<double>(kLoop); }};
}

bool is_product(Op op) { return op != Op::backward && op != Op::step; }

/// The best of each group, added up.
Rival best_dense(const std::vector<Candidate>& candidates, const std::vector<double>& seconds) {
  Rival total;
  for (int group = 0;; ++group) {
    size_t best = candidates.size();
    for (size_t i = 0; i < candidates.size(); ++i)
      if (candidates[i].group == group && (best == candidates.size() || seconds[i] < seconds[best]))
        best = i;
    if (best == candidates.size()) return total;
    total.us += 1e6 * seconds[best];
    total.how += (total.how.empty() ? "" : " + ") + candidates[best].name;
  }
}

}  // namespace

bool Row::dense_ok() const {
  const bool judged = what.dtype == DType::f32 && what.batch >= 256 && is_product(what.op);
  return dense && (!judged || dense->share >= kHonestDense);
}

RowResult measure_row(const Case& what, const RowOptions& options) {
  const auto ours = butterfly(what);
  if (!ours) return {};
  std::vector<Candidate> candidates = {*ours, fma_loop(what.dtype)};
  const auto transform = threads() == 1 ? fft(what) : std::nullopt;
  if (transform) candidates.push_back(*transform);
  if (options.dense) std::ranges::move(dense(what), std::back_inserter(candidates));
  const std::vector<double> seconds =
      measure(candidates, {.seconds = options.seconds, .wall_time = threads() > 1});
  if (seconds.empty()) return {.available = true, .row = {}};

  const double batch = static_cast<double>(what.batch);
  const double slots_per_us = 1e-6 * kLoop / seconds[1] * threads();
  Row row;
  row.what = what;
  row.threads = threads();
  row.us = 1e6 * seconds[0] / batch;
  row.fma_share = butterfly_slots(what) / (row.us * slots_per_us);
  if (transform) row.fftw = Rival{1e6 * seconds[2] / batch, fftw_version()};
  if (options.dense) {
    row.dense = best_dense(candidates, seconds);
    row.dense->us /= batch;
    for (size_t i = 0; i < candidates.size(); ++i)
      if (candidates[i].group >= 0)
        row.ways.push_back({candidates[i].name, candidates[i].group, 1e6 * seconds[i] / batch});
    row.dense->share = dense_slots(what) / (row.dense->us * slots_per_us);
  }
  return {.available = true, .row = row};
}

double expected_seconds(const Case& what, const RowOptions& options) {
  constexpr double kSlotsPerSecond = 5e10, kCalls = 25;  // warming up, and three rounds
  const double slots = (options.dense ? dense_slots(what) : 0) + 10 * butterfly_slots(what);
  return std::max(options.seconds,
                  kCalls * slots * static_cast<double>(what.batch) / kSlotsPerSecond);
}

Config to_config(const Row& row) {
  const auto number = [](const std::optional<Rival>& rival, double value) {
    return rival ? Config(value) : Config();
  };
  const Rival dense = row.dense.value_or(Rival{}), fftw = row.fftw.value_or(Rival{});
  return {{"op", text(row.what.op)},
          {"layout", text(row.what.layout)},
          {"dtype", text(row.what.dtype)},
          {"n", row.what.n},
          {"batch", row.what.batch},
          {"threads", row.threads},
          {"us_per_sample", row.us},
          {"fma_share", row.fma_share},
          {"dense_us", number(row.dense, dense.us)},
          {"dense_how", row.dense ? Config(dense.how) : Config()},
          {"dense_share", number(row.dense, dense.share)},
          {"dense_ok", row.dense ? Config(row.dense_ok()) : Config()},
          {"over_dense", number(row.dense, dense.us / row.us)},
          {"fftw_us", number(row.fftw, fftw.us)},
          {"over_fftw", number(row.fftw, fftw.us / row.us)}};
}

namespace {

/// snprintf into a string.
template <class... Args>
std::string format(const char* pattern, Args... args) {
  char line[256];
  std::snprintf(line, sizeof line, pattern, args...);
  return line;
}

std::string name(const Case& what) {
  return format("%-15s %-14s %-5s %6lld %6lld", std::string(text(what.op)).c_str(),
                std::string(text(what.layout)).c_str(), std::string(text(what.dtype)).c_str(),
                static_cast<long long>(what.n), static_cast<long long>(what.batch));
}

}  // namespace

void print_header(std::ostream& out) {
  out << "Times are of one sample; FMA % is the share of the machine's multiply-adds; vs: how many "
         "times as\nlong the rival takes. The dense rival is the best of all that were tried.\n"
      << format("%-15s %-14s %-5s %6s %6s %10s %6s %10s %6s %8s %8s %8s  %s\n", "op", "layout",
                "dtype", "n", "batch", "us", "FMA %", "dense us", "FMA %", "vs dense", "FFTW us",
                "vs FFTW", "the best dense")
      << std::flush;
}

void print(std::ostream& out, const Row& row) {
  out << name(row.what) << format(" %10.4f %6.1f", row.us, 100 * row.fma_share);
  if (row.dense)
    out << format(" %10.4f %6.1f %8.2f", row.dense->us, 100 * row.dense->share,
                  row.dense->us / row.us);
  else
    out << format(" %10s %6s %8s", "-", "-", "-");
  if (row.fftw)
    out << format(" %8.4f %8.2f", row.fftw->us, row.fftw->us / row.us);
  else
    out << format(" %8s %8s", "-", "-");
  if (row.dense)
    out << "  " << (row.dense_ok() ? "" : "void, dense below 85 %: ") << row.dense->how;
  out << '\n' << std::flush;
}

void print_ways(std::ostream& out, const Row& row) {
  for (const Way& way : row.ways)
    out << (std::isinf(way.us) ? format("    %d %12s", way.group, "given up")
                               : format("    %d %12.4f", way.group, way.us))
        << "  " << way.name << '\n';
  out << std::flush;
}

void print_unavailable(std::ostream& out, const Case& what) {
  out << name(what) << "  not available\n" << std::flush;
}

}  // namespace papilio::bench
