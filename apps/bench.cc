// bench: butterflies beside dense layers and FFTW, in shares of what this machine can do.

#include <bit>
#include <chrono>
#include <iostream>

#include "papilio/apps/bench/environment.h"
#include "papilio/apps/bench/fft.h"
#include "papilio/apps/bench/row.h"
#include "papilio/apps/common/app.h"
#include "papilio/core/kernels/peak.h"
#include "papilio/core/log.h"
#include "papilio/core/system.h"
#include "papilio/core/threads.h"
#include "papilio/models/interrupt.h"
#include "papilio/models/progress.h"

using namespace papilio;

namespace {

struct Options {
  std::vector<int64_t> sizes = {256, 1024, 4096}, batches = {1, 16, 64, 256, 1024};
  std::vector<std::string> ops = bench::op_names(), dtypes = {"f32"}, layouts = {"rows"};
  bench::RowOptions row;
  int threads = 1;
  bool quick = false, no_dense = false, verbose = false;
  std::string json;
};

void add_options(CLI::App& app, Options& o) {
  app.add_option("--n", o.sizes, "Sizes, powers of two")->delimiter(',')->capture_default_str();
  app.add_option("--batch", o.batches, "Samples of a call")->delimiter(',')->capture_default_str();
  app.add_option("--op", o.ops,
                 "Of forward, forward_frozen (twiddle prepared once), backward (both\n"
                 "gradients), step (forward and backward), kmatrix_forward")
      ->delimiter(',')
      ->default_str("all");
  app.add_option("--dtype", o.dtypes, "Of f32, f64, c64, c128")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--layout", o.layouts, "Of rows (x [batch, n]), features_major (x [n, batch])")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--threads", o.threads,
                 "Threads of both sides; 0 = all cores. With one, the\n"
                 "processor's time is measured, else the wall's")
      ->check(apps::not_negative())
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--seconds", o.row.seconds, "Time spent on a row; big ones take longer")
      ->check(apps::not_negative())
      ->capture_default_str();
  app.add_flag("--quick", o.quick,
               "Every op with --n 1024 --batch 1,64,256, where these are not given;\n"
               "under a minute");
  app.add_flag("--no-dense", o.no_dense, "Leave out the dense counterpart");
  app.add_flag("--verbose", o.verbose, "List every dense way that was tried");
  apps::add_json(app, o.json);
}

void complete(const CLI::App& app, Options& o) {
  if (o.quick && app.count("--n") == 0) o.sizes = {1024};
  if (o.quick && app.count("--batch") == 0) o.batches = {1, 64, 256};
  if (o.quick && app.count("--seconds") == 0) o.row.seconds = 1;
  o.row.dense = !o.no_dense;
  if (o.threads > 0) set_threads(o.threads);
}

std::vector<bench::Case> cases(const Options& o) {
  constexpr int64_t kLargest = int64_t{1} << 24, kLargestDense = int64_t{1} << 14;
  for (const int64_t n : o.sizes) {
    check(n >= 2 && n <= kLargest && std::has_single_bit(static_cast<uint64_t>(n)), "--n is ", n,
          "; it must be a power of two from 2 to ", kLargest);
    check(n <= kLargestDense || !o.row.dense, "--n is ", n,
          ", too large for a dense matrix; give --no-dense");
  }
  for (const int64_t batch : o.batches)
    check(batch >= 1 && batch <= kLargest, "--batch is ", batch, "; it must be from 1 to ",
          kLargest);
  std::vector<bench::Case> all;
  for (const std::string& dtype : o.dtypes)
    for (const std::string& layout : o.layouts)
      for (const std::string& op : o.ops)
        for (const int64_t n : o.sizes)
          for (const int64_t batch : o.batches)
            all.push_back(
                {bench::op_named(op), bench::layout_named(layout), dtype_named(dtype), n, batch});
  for (const bench::Case& one : all)
    check(one.dtype != DType::i64, "--dtype: butterflies are f32, f64, c64 or c128");
  return all;
}

Config machine() {
  const SystemInfo system = system_info();
  return {{"cpu", system.cpu},
          {"simd", system.simd},
          {"fma_gflops", 2e-9 * kernels::measure_fma_rate<float>()},
          {"fma_gflops_f64", 2e-9 * kernels::measure_fma_rate<double>()},
          {"threads", system.threads},
          {"papilio", system.version},
          {"blas", system.blas},
          {"fftw", bench::fftw_version()},
          {"optimised", system.optimised}};
}

void print_machine(std::ostream& out, const Config& machine) {
  char peak[96];
  std::snprintf(peak, sizeof peak, "%.1f GFLOP/s in f32, %.1f in f64, one thread's multiply-adds",
                machine.at("fma_gflops").as_double(), machine.at("fma_gflops_f64").as_double());
  const std::string& fftw = machine.at("fftw").as_string();
  out << "machine  " << machine.at("cpu").as_string() << ", SIMD " << machine.at("simd").as_string()
      << ", threads " << machine.at("threads").dump() << "\npeak     " << peak << "\nrivals   "
      << machine.at("blas").as_string() << ", " << (fftw.empty() ? "no FFTW" : fftw) << "\n\n";
}

std::string text(const bench::Case& c) {
  return concat(bench::text(c.op), " n=", c.n, " batch=", c.batch);
}

/// Rows of all cases, or of those before Ctrl-C.
Config measure(const std::vector<bench::Case>& all, const Options& o, std::ostream& out) {
  const auto start = std::chrono::steady_clock::now();
  double total = 0, done = 0;
  for (const bench::Case& c : all) total += bench::expected_seconds(c, o.row);
  models::Progress progress(total, 0);
  Config rows = Config::Array{};
  size_t finished = 0;
  for (const bench::Case& c : all) {
    if (models::Interrupt::requested()) break;
    progress.update(done, concat("row ", finished + 1, "/", all.size(), ": ", text(c)));
    const bench::RowResult result = bench::measure_row(c, o.row);
    progress.clear();
    if (result.row) {
      bench::print(out, *result.row);
      if (o.verbose) bench::print_ways(out, *result.row);
      rows.push_back(bench::to_config(*result.row));
    } else if (!result.available) {
      bench::print_unavailable(out, c);
    } else {
      break;
    }
    done += bench::expected_seconds(c, o.row);
    ++finished;
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  out << (finished < all.size() ? "interrupted: " : "done: ") << rows.as_array().size() << " of "
      << all.size() << " rows measured in " << models::clock_text(taken.count()) << std::endl;
  return rows;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Measures the butterfly kernels side by side with the best dense counterpart of\n"
      "oneDNN and OpenBLAS and with FFTW, in time and in shares of the multiply-adds that\n"
      "this machine could do. Runs without OPENBLAS_* and ONEDNN_* in the environment.",
      "bench");
  app.footer("Example: bench --n 1024 --batch 1,256 --op forward,step --json -");
  Options options;
  add_options(app, options);

  return apps::run(app, argc, argv, [&] {
    bench::discard_library_settings(argv);
    complete(app, options);
    const std::vector<bench::Case> all = cases(options);
    const models::Interrupt interrupt;
    if (!system_info().optimised)
      logging::warning("built without optimisation: use cmake --preset release");
    std::ostream& out = options.json == "-" ? std::cerr : std::cout;
    Config report = {{"machine", machine()}};
    print_machine(out, report.at("machine"));
    bench::print_header(out);
    report["rows"] = measure(all, options, out);
    apps::write_json(options.json, report);
    return models::Interrupt::requested() ? apps::kInterrupted : apps::kSuccess;
  });
}
