#include "papilio/models/factorize.h"

#include <algorithm>
#include <cmath>
#include <complex>

#include "papilio/core/threads.h"
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

}  // namespace

Factorization factorize(const Tensor& matrix, const FactorizeOptions& options) {
  check_matrix(matrix);
  check(options.permutation_search == "learned" || options.permutation_search == "enumerated",
        "factorize: permutation_search '", options.permutation_search,
        "'; it is learned or enumerated");
  check(options.dtype != DType::i64, "factorize: dtype i64; f32 or f64 is needed");
  check(options.tolerance >= 0 && options.trials >= 0 && options.budget_seconds >= 0 &&
            options.workers >= 0,
        "factorize: tolerance, trials, budget_seconds and workers must not be negative");
  const bool single = real_of(options.dtype) == DType::f32, real = is_real(matrix.dtype());
  const int64_t out = matrix.dim(0), in = matrix.dim(1);

  // Columns of norm about 1, to which rates and initial values belong; by a power of two, exactly.
  Tensor target = as_complex(matrix);
  const double column = std::sqrt(squared_norm(target) / static_cast<double>(in));
  const double scale = column > 0 ? std::exp2(std::round(std::log2(column))) : 1;
  Complex* entries = target.mutable_data<Complex>();
  for (int64_t i = 0; i < target.numel(); ++i) entries[i] /= scale;

  const double tolerance =
      options.tolerance > 0 ? options.tolerance : (single ? 1e-7 : 5e-13) * std::min(column, 1e300);
  const auto loss_of = [&](double rmse) {
    return rmse / scale * rmse / scale * static_cast<double>(out);
  };
  const auto rmse_of = [&](double loss) {
    return scale * std::sqrt(loss / static_cast<double>(out));
  };
  const models::FitProblem problem = {
      .target = target,
      .real = real,
      .learned = options.permutation_search == "learned",
      .loss = loss_of(tolerance),
      .seed = options.seed,
      .models = models::fit_models(options.model, in, out, real, single)};

  optim::HalvingOptions search;
  search.trials = options.trials > 0 ? options.trials : 96;
  search.rungs = TransformTrial::kRungs;
  search.workers = options.workers > 0 ? options.workers : threads();
  search.target = problem.loss;
  if (options.budget_seconds > 0) search.budget_seconds = options.budget_seconds;
  search.state_file = options.state_file;
  search.state_key = concat(options.model, " ", options.permutation_search, " ", options.seed, " ",
                            text(matrix), " ", single, " ", squared_norm(target));
  search.stop = options.stop;
  if (options.progress)
    search.progress = [&](optim::HalvingProgress progress) {
      progress.best = rmse_of(progress.best);
      options.progress(progress);
    };
  const optim::HalvingResult found = optim::search_by_halving(
      [&](int64_t number) { return std::make_unique<TransformTrial>(problem, number); }, search);
  check(found.trial != nullptr, found.interrupted
                                    ? "factorize: interrupted before the first trial ended"
                                    : "factorize: no trial ended within the budget; raise it");

  const auto& trial = static_cast<const TransformTrial&>(*found.trial);
  const FitModel& model = trial.model();
  Factorization result;
  result.layer = std::make_unique<Product>(
      model.layer(trial.twiddles(), trial.permutations(), in, out, !real, scale));
  FactorizeReport& report = result.report;
  report.method = "gradient";
  report.model = name_of(model, options.model);
  report.dtype = concat(result.layer->dtype());
  for (const auto& v : trial.permutations())
    if (!v.empty()) report.permutations.push_back(v);
  report.permutation_search = report.permutations.empty() ? "none" : options.permutation_search;
  report.seconds = found.seconds;
  report.multiplications = multiplications(model);
  report.trials = found.begun;
  report.interrupted = found.interrupted;
  measure(*result.layer, matrix, report);
  report.reached = report.rmse <= tolerance;
  return result;
}

}  // namespace papilio
