#include "papilio/apps/learn_transform/find.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <complex>

#include "papilio/apps/learn_transform/known.h"
#include "papilio/core/npy.h"
#include "papilio/layers/butterfly.h"
#include "papilio/layers/entry_oracle.h"
#include "papilio/layers/permutation.h"
#include "papilio/layers/product.h"
#include "papilio/layers/root_of_unity.h"
#include "papilio/layers/target_matrix.h"
#include "papilio/layers/twiddle.h"
#include "papilio/models/transform_trial.h"

namespace papilio::learn {
namespace {

using Complex = std::complex<double>;
constexpr int64_t kDense = 1 << 14;  // beyond, the oracle's matrix is not written down
constexpr int64_t kLargest = 1 << 15;
constexpr std::string_view kFile = "file:";

bool is_file(const Request& request) { return request.target.starts_with(kFile); }

double distance(const Tensor& a, const Tensor& b) {
  const Tensor p = a.to(DType::c128), q = b.to(DType::c128);
  double largest = 0, squares = 0;  // those of large entries would overflow
  const auto at = [&](int64_t i) { return p.data<Complex>()[i] - q.data<Complex>()[i]; };
  for (int64_t i = 0; i < p.numel(); ++i) largest = std::max(largest, std::abs(at(i)));
  if (largest == 0) return 0;
  for (int64_t i = 0; i < p.numel(); ++i) squares += std::norm(at(i) / largest);
  return largest * std::sqrt(squares);
}
double norm_of(const Tensor& a) { return distance(a, Tensor::zeros(a.shape(), a.dtype())); }

// `tolerance` becomes what the rounding of 32-bit numbers asks for.
Tensor read_matrix(const std::string& path, double& tolerance) {
  const Tensor matrix = read_npy(path);
  check(matrix.rank() == 2, path, ": an array of ", matrix.rank(),
        " axes; a matrix [out, in] is needed");
  const Tensor numbers = matrix.to(DType::c128);
  for (int64_t i = 0; i < numbers.numel(); ++i) {
    const Complex z = numbers.data<Complex>()[i];
    check(std::isfinite(z.real()) && std::isfinite(z.imag()), path, ": entry [", i / matrix.dim(1),
          ", ", i % matrix.dim(1), "] is not finite");
  }
  if (real_of(matrix.dtype()) == DType::f32) tolerance = default_tolerance(matrix, DType::f32);
  return matrix.to(is_complex(matrix.dtype()) ? DType::c128 : DType::f64);
}

Tensor with_noise(const Tensor& matrix, double noise, Rng rng) {
  double squares = 0;
  Tensor noisy = matrix.clone();
  auto* values = static_cast<double*>(noisy.mutable_raw());
  const int64_t count = matrix.numel() * (is_complex(matrix.dtype()) ? 2 : 1);
  for (int64_t i = 0; i < count; ++i) squares += values[i] * values[i];
  const double deviation = noise * std::sqrt(squares / static_cast<double>(count));
  for (int64_t i = 0; i < count; ++i) values[i] += deviation * rng.normal(static_cast<uint64_t>(i));
  return noisy;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// As factorize() has it; beyond kDense all matrices are orthonormal.
bool reached(const Target& target, const Request& request, double rmse) {
  const DType dtype = request.options.dtype;
  if (request.options.tolerance > 0) return rmse <= request.options.tolerance;
  const Tensor one = Tensor::full({1, 1}, 1, DType::f64);
  return rmse <= std::max(target.tolerance,
                          default_tolerance(target.matrix.defined() ? target.matrix : one, dtype));
}

void measure(const Target& target, Factorization& found) {
  const double error = distance(found.layer->to_dense(), target.matrix);
  found.report.rmse = error / std::sqrt(static_cast<double>(target.matrix.numel()));
  found.report.relative_error = error / norm_of(target.matrix);
}

Factorization constructed(const Target& target, const Request& request,
                          std::unique_ptr<Product> layer,
                          std::chrono::steady_clock::time_point start) {
  Factorization found;
  FactorizeReport& r = found.report;
  r.multiplications = multiplications(*layer);
  found.layer = std::move(layer);
  r.method = "closed-form";
  r.model = "constructor";
  r.permutation_search = "none";
  r.seconds = seconds_since(start);
  r.dtype = text(found.layer->dtype());
  r.parameters = found.layer->parameter_count();
  measure(target, found);
  r.reached = reached(target, request, r.rmse);
  return found;
}

// ---- the oracle

EntryOracle entries_of(const Target& target, const Request& request) {
  if (target.matrix.defined()) {
    const Tensor m = is_complex(target.matrix.dtype()) ? target.matrix : complex(target.matrix);
    return entry_oracle(
        [m, n = target.columns](int64_t i, int64_t j) { return m.data<Complex>()[i * n + j]; });
  }
  const int64_t n = target.columns;
  const double scale = 1 / std::sqrt(static_cast<double>(n));
  const std::string& name = request.target;
  if (name == "dft" || name == "idft")
    return entry_oracle([=, sign = name == "dft" ? -1 : 1](int64_t i, int64_t j) {
      return scale * root_of_unity(sign * (i * j % n), n);
    });
  if (name == "hadamard")
    return entry_oracle([=](int64_t i, int64_t j) -> Complex {
      return std::popcount(static_cast<uint64_t>(i & j)) % 2 == 0 ? scale : -scale;
    });
  fail("--target ", name, " --size ", n, ": above ", kDense,
       " the oracle knows dft, idft and hadamard");
}

Factorization by_oracle(const Target& target, const Request& request) {
  check(target.rows == target.columns, "--method oracle takes square matrices, not ", target.rows,
        " x ", target.columns);
  const int64_t n = target.columns;
  const bool real =
      target.matrix.defined() ? is_real(target.matrix.dtype()) : request.target == "hadamard";
  const auto start = std::chrono::steady_clock::now();
  const OracleFit fit = identify_butterfly(n, entries_of(target, request),
                                           {.dtype = real ? DType::f64 : DType::c128});
  Factorization found;
  FactorizeReport& r = found.report;
  r.seconds = seconds_since(start);
  const bool single = real_of(request.options.dtype) == DType::f32;
  const DType dtype = single ? (real ? DType::f32 : DType::c64) : fit.twiddle.dtype();
  found.layer = std::make_unique<Product>(dtype, Permutation(fit.index, dtype),
                                          Butterfly::from_twiddle(n, n, fit.twiddle.to(dtype)));
  r.method = "oracle";
  r.model = "bp";
  r.dtype = text(dtype);
  r.permutation_search = "enumerated";
  r.permutations = {fit.index};
  r.parameters = found.layer->parameter_count();
  r.multiplications = fit.parameters * (real ? 1 : 4);
  if (target.matrix.defined()) {
    measure(target, found);
  } else {  // on random entries; the matrix is orthonormal
    r.relative_error = fit.sampled_error;
    r.rmse = fit.sampled_error / std::sqrt(static_cast<double>(n));
  }
  r.reached = reached(target, request, r.rmse);
  return found;
}

Config permutation_of(const FactorizeReport& report) {
  Config all = Config::Array{};
  for (const auto& v : report.permutations) {
    Config one = Config::Array{};
    for (const int64_t entry : v) one.push_back(entry);
    if (report.permutations.size() == 1) return one;
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace

std::string paper_model(const std::string& target) {
  if (target.starts_with("dct") || target.starts_with("dst")) return "bpp";
  if (target == "convolution") return "bpbp";
  for (const char* name : {"dft", "idft", "hadamard", "hartley", "legendre", "randn", "hilbert"})
    if (target == name) return "bp";
  return "auto";
}

Target make_target(const Request& request) {
  if (request.method == "oracle" && !is_file(request) && request.size > kDense) {
    check(request.noise == 0, "--noise with --method oracle needs --size ", kDense, " or less");
    return {{}, {}, request.size, request.size};
  }
  // The matrix of this size takes 16 GiB as complex numbers.
  check(is_file(request) || request.size <= kLargest, "--size ", request.size, ": a matrix of ",
        request.size, " x ", request.size, " is not searched, ", kLargest,
        " is the most; --method oracle needs no matrix and takes powers of two up to 2^31");
  Target target;
  target.clean = is_file(request)
                     ? read_matrix(request.target.substr(kFile.size()), target.tolerance)
                     : target_matrix(request.target, request.size, Rng(0).split("target"));
  target.matrix = request.noise > 0 ? with_noise(target.clean, request.noise,
                                                 Rng(request.options.seed).split("noise"))
                                    : target.clean;
  target.rows = target.matrix.dim(0);
  target.columns = target.matrix.dim(1);
  return target;
}

Factorization find(const Target& target, const Request& request) {
  FactorizeOptions options = request.options;
  if (options.model.empty()) options.model = paper_model(request.target);
  const bool single = real_of(options.dtype) == DType::f32;
  const bool real = !target.matrix.defined() || is_real(target.matrix.dtype());
  models::fit_models(options.model, target.columns, target.rows, real, single);  // or throws
  if (request.method == "oracle") return by_oracle(target, request);
  const auto start = std::chrono::steady_clock::now();
  if (request.method != "gradient" && request.noise == 0) {
    const DType dtype = single ? DType::f32 : DType::f64;
    auto known = is_file(request) ? recognised(target.matrix, target.tolerance, dtype)
                                  : known_transform(request.target, target.columns, dtype);
    if (known) return constructed(target, request, std::move(known), start);
  }
  const double seconds = seconds_since(start);
  if (options.tolerance == 0) options.tolerance = target.tolerance;
  options.method = request.method;
  Factorization found = factorize(target.matrix, options);
  found.report.seconds += seconds;
  return found;
}

Baselines baselines(const Tensor& matrix) {
  const int64_t budget = butterfly_budget(butterfly_size(std::max(matrix.dim(0), matrix.dim(1))));
  return {sparse_baseline(matrix, budget), low_rank_baseline(matrix, budget),
          sparse_plus_low_rank_baseline(matrix, budget)};
}

Config report(const Target& target, const Request& request, Factorization& found) {
  const FactorizeReport& r = found.report;
  Config json = {{"target", request.target},
                 {"size", target.columns},
                 {"rows", target.rows},
                 {"method", r.method},
                 {"model", r.model},
                 {"dtype", r.dtype},
                 {"rmse", r.rmse},
                 {"relative_error", r.relative_error},
                 {"seconds", r.seconds},
                 {"parameters", r.parameters},
                 {"multiplications", r.multiplications},
                 {"permutation", permutation_of(r)},
                 {"permutation_search", r.permutation_search},
                 {"trials", r.trials},
                 {"reached", r.reached},
                 {"noise", request.noise},
                 {"seed", static_cast<int64_t>(request.options.seed)}};
  if (request.noise > 0) {
    const double error = distance(found.layer->to_dense(), target.clean);
    json["clean_rmse"] = error / std::sqrt(static_cast<double>(target.clean.numel()));
    json["noise_rmse"] = distance(target.matrix, target.clean) /
                         std::sqrt(static_cast<double>(target.clean.numel()));
  }
  return json;
}

}  // namespace papilio::learn
