#include "papilio/models/factorize.h"

#include <chrono>
#include <cmath>
#include <complex>

#include "papilio/core/threads.h"
#include "papilio/layers/butterfly.h"
#include "papilio/layers/closed_form.h"
#include "papilio/layers/convolutions.h"
#include "papilio/layers/permutation.h"
#include "papilio/layers/product.h"
#include "papilio/layers/resize.h"
#include "papilio/layers/twiddle.h"
#include "papilio/models/transform_trial.h"

namespace papilio {
namespace {

using Complex = std::complex<double>;
using models::FitModel;
using models::TransformTrial;

double squared_norm(const Tensor& c128) {
  double sum = 0;
  for (const Complex& z : c128.span<Complex>()) sum += std::norm(z);
  return sum;
}

Tensor as_complex(const Tensor& x) {
  return is_complex(x.dtype()) ? x.to(DType::c128) : complex(x.to(DType::f64).detach());
}

void check_matrix(const Tensor& matrix) {
  check(matrix.defined() && matrix.rank() == 2 && matrix.numel() > 0, "factorize: the matrix is ",
        matrix.defined() ? text(matrix) : "undefined", "; [out, in] is needed");
  check(matrix.dtype() != DType::i64, "factorize: a matrix of integers; convert it with to(f64)");
  const Tensor numbers = as_complex(matrix);
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
  Tensor difference = as_complex(layer.to_dense());
  const Tensor target = as_complex(matrix);
  Complex* d = difference.mutable_data<Complex>();
  const Complex* t = target.data<Complex>();
  for (int64_t i = 0; i < target.numel(); ++i) d[i] -= t[i];
  const double error = std::sqrt(squared_norm(difference)), norm = std::sqrt(squared_norm(target));
  report.rmse = error / std::sqrt(static_cast<double>(target.numel()));
  report.relative_error = norm > 0 ? error / norm : error;
  report.parameters = layer.parameter_count();
}

int64_t multiplications(const FitModel& model) {
  int64_t blocks = 0;
  for (const models::FitStage& stage : model.stages) blocks += stage.nblocks;
  return blocks * log2_exact(model.n) * model.n / 2 * 4 * (model.complex ? 4 : 1);
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
                  .target = as_complex(matrix),
                  .scale = 1,
                  .tolerance = options.tolerance,
                  .real = is_real(matrix.dtype()),
                  .single = real_of(options.dtype) == DType::f32};
  const double column =
      std::sqrt(squared_norm(problem.target) / static_cast<double>(matrix.dim(1)));
  if (column > 0) problem.scale = std::exp2(std::round(std::log2(column)));
  if (options.tolerance == 0) problem.tolerance = (problem.single ? 2e-7 : 1e-12) * column;
  Complex* entries = problem.target.mutable_data<Complex>();
  for (int64_t i = 0; i < matrix.numel(); ++i) entries[i] /= problem.scale;
  return problem;
}

void finish(const Problem& problem, Factorization& found) {
  measure(*found.layer, problem.matrix, found.report);
  found.report.dtype = concat(found.layer->dtype());
  found.report.reached = found.report.rmse <= problem.tolerance;
}

optim::HalvingOptions search_options(const Problem& problem) {
  const FactorizeOptions& options = problem.options;
  optim::HalvingOptions search;
  search.trials = options.trials > 0 ? options.trials : 96;
  search.rungs = TransformTrial::kRungs;
  search.workers = options.workers > 0 ? options.workers : threads();
  search.target = problem.loss();
  if (options.budget_seconds > 0) search.budget_seconds = options.budget_seconds;
  search.state_file = options.state_file;
  search.state_key =
      concat(options.model, " ", options.permutation_search, " ", options.seed, " ",
             text(problem.matrix), " ", problem.single, " ", squared_norm(problem.target));
  search.stop = options.stop;
  if (options.progress)
    search.progress = [&problem](optim::HalvingProgress progress) {
      progress.best = problem.rmse_of(progress.best);
      problem.options.progress(progress);
    };
  return search;
}

Factorization by_gradient(const Problem& problem) {
  const FactorizeOptions& options = problem.options;
  const int64_t out = problem.matrix.dim(0), in = problem.matrix.dim(1);
  const models::FitProblem fit = {
      .target = problem.target,
      .real = problem.real,
      .learned = options.permutation_search == "learned",
      .loss = problem.loss(),
      .seed = options.seed,
      .models = models::fit_models(options.model, in, out, problem.real, problem.single)};
  const optim::HalvingResult found = optim::search_by_halving(
      [&](int64_t number) { return std::make_unique<TransformTrial>(fit, number); },
      search_options(problem));
  check(found.trial != nullptr, found.interrupted
                                    ? "factorize: interrupted before the first trial ended"
                                    : "factorize: no trial ended within the budget; raise it");

  const auto& trial = static_cast<const TransformTrial&>(*found.trial);
  const FitModel& model = trial.model();
  Factorization result;
  result.layer = std::make_unique<Product>(
      model.layer(trial.twiddles(), trial.permutations(), in, out, !problem.real, problem.scale));
  FactorizeReport& report = result.report;
  report.method = "gradient";
  report.model = name_of(model, options.model);
  for (const auto& v : trial.permutations())
    if (!v.empty()) report.permutations.push_back(v);
  report.permutation_search = report.permutations.empty() ? "none" : options.permutation_search;
  report.seconds = found.seconds;
  report.multiplications = multiplications(model);
  report.trials = found.begun;
  report.interrupted = found.interrupted;
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

std::unique_ptr<StructuredLinear> toeplitz_layer(const Problem& problem) {
  const bool circular = is_toeplitz(problem.target, true);
  if (!circular && !is_toeplitz(problem.target, false)) return nullptr;
  const DType real = problem.single ? DType::f32 : DType::f64;
  const Tensor m = problem.matrix.to(problem.real ? real : complex_of(real));
  const int64_t rows = m.dim(0), columns = m.dim(1);
  const Tensor column = reshape(slice(m, 1, 0, 1), {rows});
  if (circular) return std::make_unique<Product>(circulant(column));
  return std::make_unique<Product>(toeplitz(column, reshape(slice(m, 0, 0, 1), {columns})));
}

std::unique_ptr<StructuredLinear> butterfly_layer(const Problem& problem, FactorizeReport& report) {
  const ButterflyFit fit = fit_butterfly(problem.matrix);
  const DType real = problem.single ? DType::f32 : DType::f64;
  const DType dtype = problem.real ? real : complex_of(real);
  Product::Parts parts;
  if (fit.columns < fit.n) parts.push_back(std::make_unique<Resize>(fit.columns, fit.n, dtype));
  parts.push_back(std::make_unique<Permutation>(fit.index, dtype));
  parts.push_back(std::make_unique<Butterfly>(
      Butterfly::from_twiddle(fit.n, fit.rows, fit.twiddle.to(dtype), fit.increasing_stride)));
  report.permutations = {fit.index};
  report.multiplications = fit.twiddle.numel() * (problem.real ? 1 : 4);
  return std::make_unique<Product>(dtype, std::move(parts));
}

Factorization in_closed_form(const Problem& problem) {
  const auto start = std::chrono::steady_clock::now();
  const NoTape guard;
  Factorization result;
  FactorizeReport& report = result.report;
  report.method = "closed-form";
  report.permutation_search = "none";
  result.layer = toeplitz_layer(problem);
  if (result.layer) {
    report.model = "bb";
    report.multiplications = result.layer->cost({problem.matrix.dim(1)}).flops / 28 * 16;
  } else {
    report.model = "bp";
    report.permutation_search = "enumerated";
    result.layer = butterfly_layer(problem, report);
  }
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
  if (method == "gradient") return by_gradient(problem);
  Factorization closed = in_closed_form(problem);
  if (method == "closed-form" || closed.report.reached) return closed;
  Factorization learned = by_gradient(problem);
  Factorization& better = learned.report.rmse < closed.report.rmse ? learned : closed;
  better.report.seconds = closed.report.seconds + learned.report.seconds;
  better.report.interrupted = learned.report.interrupted;
  return std::move(better);
}

}  // namespace papilio
