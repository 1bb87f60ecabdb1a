#include "papilio/models/factorize.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <complex>
#include <limits>

#include "papilio/core/threads.h"
#include "papilio/layers/butterfly.h"
#include "papilio/layers/closed_form.h"
#include "papilio/layers/convolutions.h"
#include "papilio/layers/permutation.h"
#include "papilio/layers/resize.h"
#include "papilio/layers/twiddle.h"
#include "papilio/models/transform_trial.h"

namespace papilio {
namespace {

using Complex = std::complex<double>;
using models::FitModel;
using models::TransformTrial;

double norm(const Tensor& c128) {
  double largest = 0, sum = 0;
  for (const Complex& z : c128.span<Complex>())
    largest = std::max({largest, std::abs(z.real()), std::abs(z.imag())});
  if (largest == 0) return 0;
  for (const Complex& z : c128.span<Complex>()) sum += std::norm(z / largest);
  return largest * std::sqrt(sum);
}

// Of an average one.
double column_norm(const Tensor& c128) {
  return norm(c128) / std::sqrt(static_cast<double>(c128.dim(1)));
}

void check_matrix(const Tensor& matrix) {
  check(matrix.defined() && matrix.rank() == 2 && matrix.numel() > 0, "factorize: the matrix is ",
        matrix.defined() ? text(matrix) : "undefined", "; [out, in] is needed");
  check(matrix.dtype() != DType::i64, "factorize: a matrix of integers; convert it with to(f64)");
  const Tensor numbers = matrix.to(DType::c128);
  for (const Complex& z : numbers.span<Complex>())
    check(std::isfinite(z.real()) && std::isfinite(z.imag()),
          "factorize: the matrix has an entry that is not finite");
}

std::string name_of(const FitModel& model, const std::string& asked) {
  if (asked != "auto") return asked;
  if (model.stages.size() == 2) return "bpbp";
  return model.stages.front().whole_first ? "bpp" : "bp";
}

void measure(StructuredLinear& layer, const Tensor& matrix, FactorizeReport& report) {
  Tensor difference = layer.to_dense().to(DType::c128);
  const Tensor target = matrix.to(DType::c128);
  Complex* d = difference.mutable_data<Complex>();
  const Complex* t = target.data<Complex>();
  for (int64_t i = 0; i < target.numel(); ++i) d[i] -= t[i];
  const double error = norm(difference), whole = norm(target);
  report.rmse = error / std::sqrt(static_cast<double>(target.numel()));
  report.relative_error = whole > 0 ? error / whole : error;
  report.parameters = layer.parameter_count();
}

struct Problem {
  const Tensor& matrix;
  const FactorizeOptions& options;
  Tensor target;     // the matrix over `scale`, c128: columns of norm about 1
  double scale;      // a power of two
  double tolerance;  // RMSE
  bool real, single;

  // Half of the tolerance: the layer rounds in another order than the misfit does.
  double loss() const { return loss_of(tolerance / 2); }
  double rows() const { return static_cast<double>(matrix.dim(0)); }
  double loss_of(double rmse) const { return rmse / scale * rmse / scale * rows(); }
  double rmse_of(double loss) const { return scale * std::sqrt(loss / rows()); }
};

Problem problem_of(const Tensor& matrix, const FactorizeOptions& options) {
  Problem problem{.matrix = matrix,
                  .options = options,
                  .target = matrix.to(DType::c128),
                  .scale = 1,
                  .tolerance = options.tolerance,
                  .real = is_real(matrix.dtype()),
                  .single = real_of(options.dtype) == DType::f32};
  const double column = column_norm(problem.target);
  if (column > 0) problem.scale = std::exp2(std::round(std::log2(column)));
  if (options.tolerance == 0) problem.tolerance = default_tolerance(matrix, options.dtype);
  Complex* entries = problem.target.mutable_data<Complex>();
  for (int64_t i = 0; i < matrix.numel(); ++i) entries[i] /= problem.scale;
  return problem;
}

void finish(const Problem& problem, Factorization& found) {
  measure(*found.layer, problem.matrix, found.report);
  found.report.dtype = concat(found.layer->dtype());
  found.report.reached = found.report.rmse <= problem.tolerance;
}

// Of what the losses in a state file depend on: a hash of the entries, and the models.
std::string key_of(const Problem& problem, const models::FitProblem& fit) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](double x) {  // FNV-1a by words; turned, as products carry upwards only
    hash = std::rotl((hash ^ std::bit_cast<uint64_t>(x)) * 0x100000001b3, 32);
  };
  const Tensor numbers = problem.matrix.to(DType::c128);
  for (const Complex& z : numbers.span<Complex>()) add(z.real()), add(z.imag());
  std::string key = concat(problem.options.permutation_search, " ", fit.seed, " ",
                           text(problem.matrix), " ", hash);
  for (const FitModel& model : fit.models) {
    key += concat("; ", model.n, model.complex ? " complex" : "", model.tied ? " tied" : "",
                  model.real_part ? " real part" : "", model.single ? " single" : "");
    for (const models::FitStage& stage : model.stages)
      key += concat(", ", stage.nblocks, stage.increasing_stride ? " increasing" : "",
                    stage.permuted ? " permuted" : "", stage.whole_first ? " whole first" : "");
  }
  return key;
}

optim::HalvingOptions search_options(const Problem& problem, const models::FitProblem& fit) {
  const FactorizeOptions& options = problem.options;
  optim::HalvingOptions search;
  search.trials = options.trials > 0 ? options.trials : 96;
  search.rungs = TransformTrial::kRungs;
  search.workers = options.workers > 0 ? options.workers : threads();
  search.target = problem.loss();
  if (options.budget_seconds > 0) search.budget_seconds = options.budget_seconds;
  search.state_file = options.state_file;
  if (!options.state_file.empty()) search.state_key = key_of(problem, fit);
  search.stop = options.stop;
  if (options.progress)
    search.progress = [&problem](optim::HalvingProgress progress) {
      progress.best = problem.rmse_of(progress.best);
      problem.options.progress(progress);
    };
  return search;
}

std::vector<FitModel> models_of(const Problem& problem) {
  return models::fit_models(problem.options.model, problem.matrix.dim(1), problem.matrix.dim(0),
                            problem.real, problem.single);
}

// Without a layer when no trial ended a rung.
Factorization by_gradient(const Problem& problem) {
  const FactorizeOptions& options = problem.options;
  const models::FitProblem fit = {.target = problem.target,
                                  .real = problem.real,
                                  .learned = options.permutation_search == "learned",
                                  .loss = problem.loss(),
                                  .seed = options.seed,
                                  .models = models_of(problem)};
  const optim::HalvingResult found = optim::search_by_halving(
      [&](int64_t number) { return std::make_unique<TransformTrial>(fit, number); },
      search_options(problem, fit));
  Factorization result;
  FactorizeReport& report = result.report;
  report.method = "gradient";
  report.model = options.model;
  report.permutation_search = options.permutation_search;
  report.seconds = found.seconds;
  report.trials = found.begun;
  report.interrupted = found.interrupted;
  report.rmse = report.relative_error = std::numeric_limits<double>::infinity();
  if (!found.trial) return result;

  const auto& trial = static_cast<const TransformTrial&>(*found.trial);
  const FitModel& model = trial.model();
  auto layer = std::make_unique<Product>(model.layer(trial.twiddles(), trial.permutations(),
                                                     problem.matrix.dim(1), problem.matrix.dim(0),
                                                     !problem.real, problem.scale));
  report.multiplications = multiplications(*layer);
  result.layer = std::move(layer);
  report.model = name_of(model, options.model);
  for (const auto& v : trial.permutations())
    if (!v.empty()) report.permutations.push_back(v);
  if (report.permutations.empty()) report.permutation_search = "none";
  finish(problem, result);
  return result;
}

// Entry (i, j) depends on j - i alone, or for a circulant on that modulo n.
bool is_toeplitz(const Tensor& c128, bool circulant) {
  const int64_t rows = c128.dim(0), columns = c128.dim(1);
  if (rows < 2 || columns < 2 || (circulant && rows != columns)) return false;
  const Complex* m = c128.data<Complex>();
  for (int64_t i = 1; i < rows; ++i)
    for (int64_t j = circulant ? 0 : 1; j < columns; ++j)
      if (m[i * columns + j] != m[(i - 1) * columns + (j + columns - 1) % columns]) return false;
  return true;
}

std::unique_ptr<Product> toeplitz_layer(const Problem& problem) {
  const bool circular = is_toeplitz(problem.target, true);
  if (!circular && !is_toeplitz(problem.target, false)) return nullptr;
  const DType real = problem.single ? DType::f32 : DType::f64;
  const Tensor m = problem.matrix.to(problem.real ? real : complex_of(real));
  const int64_t rows = m.dim(0), columns = m.dim(1);
  const Tensor column = reshape(slice(m, 1, 0, 1), {rows});
  if (circular) return std::make_unique<Product>(circulant(column));
  return std::make_unique<Product>(toeplitz(column, reshape(slice(m, 0, 0, 1), {columns})));
}

std::unique_ptr<Product> butterfly_layer(const Problem& problem, FactorizeReport& report) {
  const ButterflyFit fit = fit_butterfly(problem.matrix);
  const DType real = problem.single ? DType::f32 : DType::f64;
  const DType dtype = problem.real ? real : complex_of(real);
  Product::Parts parts;
  if (fit.columns < fit.n) parts.push_back(std::make_unique<Resize>(fit.columns, fit.n, dtype));
  parts.push_back(std::make_unique<Permutation>(fit.index, dtype));
  parts.push_back(std::make_unique<Butterfly>(
      Butterfly::from_twiddle(fit.n, fit.rows, fit.twiddle.to(dtype), fit.increasing_stride)));
  report.permutations = {fit.index};
  return std::make_unique<Product>(dtype, std::move(parts));
}

Factorization in_closed_form(const Problem& problem) {
  const auto start = std::chrono::steady_clock::now();
  const NoTape guard;
  Factorization result;
  FactorizeReport& report = result.report;
  report.method = "closed-form";
  report.permutation_search = "none";
  std::unique_ptr<Product> layer = toeplitz_layer(problem);
  report.model = layer ? "bb" : "bp";
  if (!layer) {
    report.permutation_search = "enumerated";
    layer = butterfly_layer(problem, report);
  }
  report.multiplications = multiplications(*layer);
  result.layer = std::move(layer);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  finish(problem, result);
  return result;
}

}  // namespace

Factorization factorize(const Tensor& matrix, const FactorizeOptions& options) {
  check_matrix(matrix);
  const std::string& method = options.method;
  check(method == "auto" || method == "gradient" || method == "closed-form", "factorize: method '",
        method, "'; it is auto, gradient or closed-form");
  check(options.permutation_search == "learned" || options.permutation_search == "enumerated",
        "factorize: permutation_search '", options.permutation_search,
        "'; it is learned or enumerated");
  check(options.dtype != DType::i64, "factorize: dtype i64; f32 or f64 is needed");
  check(options.tolerance >= 0 && options.trials >= 0 && options.budget_seconds >= 0 &&
            options.workers >= 0,
        "factorize: tolerance, trials, budget_seconds and workers must not be negative");
  const Problem problem = problem_of(matrix, options);
  models_of(problem);  // throws for unknown ones, though the closed form takes none
  if (method == "gradient") return by_gradient(problem);
  Factorization closed = in_closed_form(problem);
  if (method == "closed-form" || closed.report.reached) return closed;
  Factorization learned = by_gradient(problem);
  const bool keep = !learned.layer || std::isnan(learned.report.rmse) ||
                    closed.report.rmse <= learned.report.rmse;
  Factorization& better = keep ? closed : learned;
  better.report.seconds = closed.report.seconds + learned.report.seconds;
  better.report.trials = learned.report.trials;
  better.report.interrupted = learned.report.interrupted;
  return std::move(better);
}

double default_tolerance(const Tensor& matrix, DType dtype) {
  const double column = column_norm(matrix.to(DType::c128));
  return (real_of(dtype) == DType::f32 ? 2e-7 : 1e-12) * (column > 0 ? column : 1);
}

int64_t multiplications(Product& layer) {
  int64_t count = 0;
  for (size_t i = 0; i < layer.size(); ++i) {
    const int64_t flops = layer[i].cost({layer[i].in_features()}).flops;
    count += is_complex(layer[i].dtype()) ? flops / 28 * 16 : flops / 6 * 4;
  }
  return count;
}

}  // namespace papilio
