#include "papilio/layers/closed_form.h"

#include <algorithm>
#include <complex>
#include <numeric>

#include "papilio/core/error.h"
#include "papilio/core/ops.h"
#include "papilio/core/random.h"
#include "papilio/layers/factorize/hierarchical.h"
#include "papilio/layers/permutation.h"
#include "papilio/layers/twiddle.h"

namespace papilio {
namespace {

using factorize::Distance;
using factorize::Matrix;
using Index = std::vector<int64_t>;

// Errors at or below this are rounding.
constexpr double kExact = 1e-13;

struct Candidate {
  std::string name;
  Index index;
};

Index order_of(const Index& outer, const Index& inner) {
  Index result;
  result.reserve(inner.size());
  for (const int64_t i : inner) result.push_back(outer[static_cast<size_t>(i)]);
  return result;
}
bool in_order(const Index& v) {
  for (size_t i = 0; i < v.size(); ++i)
    if (v[i] != static_cast<int64_t>(i)) return false;
  return true;
}

// One matrix, its stacks and its direction.
template <class T>
class Target {
 public:
  Target(const Tensor& matrix, const ButterflyFitOptions& options)
      : values_(matrix),
        tree_(options.tree),
        increasing_(options.increasing_stride),
        n_(butterfly_size(matrix.dim(1))),
        chain_(butterfly_chain(n_)),
        reversal_(bit_reversal(n_)),
        scale_(
            factorize::scale_of("fit_butterfly", matrix.dim(0), matrix.dim(1), matrix.data<T>())) {}

  int64_t n() const { return n_; }
  int64_t stacks() const { return (values_.dim(0) + n_ - 1) / n_; }

  struct Result {
    Tensor twiddle;
    Distance distance{0, 0};
    double kept = 0;
  };
  Result fit(const Index& index) const;
  // The relative error of a fit, from one in sqrt(n) of its blocks.
  double estimate(const Index& index) const;

 private:
  // A butterfly of decreasing strides is one of increasing strides between two bit reversals.
  Index column_order(const Index& index) const {
    return increasing_ ? index : order_of(index, reversal_);
  }
  Matrix<T> stack(int64_t s, const Index& columns) const {
    Matrix<T> m{values_.template data<T>() + s * n_ * values_.dim(1),
                std::min(n_, values_.dim(0) - s * n_), values_.dim(1)};
    m.row_order = increasing_ ? nullptr : reversal_.data();
    m.column_order = in_order(columns) ? nullptr : columns.data();
    m.order_size = n_;
    m.scale = scale_;
    return m;
  }
  void store(const std::vector<KroneckerFactor>& factors, T* twiddle) const;

  Tensor values_;
  FitOptions tree_;
  bool increasing_;
  int64_t n_;
  std::vector<KroneckerPattern> chain_;
  Index reversal_;
  double scale_;
};

template <class T>
void Target<T>::store(const std::vector<KroneckerFactor>& factors, T* twiddle) const {
  const Index pairs = bit_reversal(n_ / 2);
  for (auto factor = factors.rbegin(); factor != factors.rend(); ++factor)
    for (int64_t i = 0; i < n_ / 2; ++i, twiddle += 4) {
      const int64_t pair = increasing_ ? i : pairs[static_cast<size_t>(i)];
      std::copy_n(factor->values.template data<T>() + 4 * pair, 4, twiddle);
    }
}

template <class T>
typename Target<T>::Result Target<T>::fit(const Index& index) const {
  const Index columns = column_order(index);
  Result result;
  result.twiddle = Tensor(twiddle_shape(stacks(), 1, n_, false), dtype_of<T>());
  T* twiddle = result.twiddle.template mutable_data<T>();
  for (int64_t s = 0; s < stacks(); ++s) {
    const factorize::Fit found = factorize::fit(stack(s, columns), chain_, tree_);
    store(found.factors, twiddle + s * result.twiddle.numel() / stacks());
    result.distance.error += found.distance.error;
    result.distance.whole += found.distance.whole;
    result.kept += found.kept;
  }
  if (tree_.orthonormal) result.twiddle = balanced_twiddle(result.twiddle, increasing_);
  return result;
}

template <class T>
double Target<T>::estimate(const Index& index) const {
  const Index columns = column_order(index);
  double error = 0, whole = 0;
  for (int64_t s = 0; s < stacks(); ++s) {
    const auto [sample, all] = factorize::sample_of_butterfly(stack(s, columns), n_);
    error += sample;
    whole += all;
  }
  return Distance{error, whole}.relative();
}

std::vector<Candidate> candidates_of(const ButterflyFitOptions& options, int64_t n) {
  if (!options.index.empty()) {
    check(static_cast<int64_t>(options.index.size()) == n,
          "fit_butterfly: the given permutation has ", options.index.size(),
          " entries, the butterfly ", n);
    inverse_permutation(options.index);
    return {{"given", options.index}};
  }
  const bool all = options.permutation == "search" || options.permutation == "exhaustive";
  std::vector<Candidate> found;
  std::string names;
  for (const BpPermutation& p : bp_permutations()) {
    names += concat(", ", text(p));
    Candidate candidate{text(p), index_of(p, n)};
    if (!all && candidate.name != options.permutation) continue;
    const bool repeated = std::ranges::any_of(
        found, [&](const Candidate& other) { return other.index == candidate.index; });
    if (!repeated) found.push_back(std::move(candidate));
  }
  check(!found.empty(), "fit_butterfly: unknown permutation '", options.permutation,
        "'; the names are search, exhaustive", names);
  return found;
}

template <class T>
ButterflyFit search(const Tensor& matrix, const ButterflyFitOptions& options) {
  constexpr int64_t kFewRows = 32;  // no sample is worth it
  const Target<T> target(matrix, options);
  const auto candidates = candidates_of(options, target.n());
  ButterflyFit best{};
  for (const Candidate& c : candidates) best.candidates.push_back({c.name, -1, -1});
  std::vector<size_t> order(candidates.size());
  std::iota(order.begin(), order.end(), size_t{0});
  if (options.permutation == "search" && candidates.size() > 1 && target.n() > kFewRows) {
    // Sums of squares give no smaller ones than 1e-7, and samples differ by a few percent.
    double least = std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < candidates.size(); ++i) {
      best.candidates[i].estimate = target.estimate(candidates[i].index);
      least = std::min(least, best.candidates[i].estimate);
    }
    const auto rank = [&](size_t i) {
      return std::max({best.candidates[i].estimate, 1.03 * least, 1e-7});
    };
    std::ranges::stable_sort(order, {}, rank);
  }
  best.relative_error = std::numeric_limits<double>::infinity();
  for (const size_t i : order) {
    auto& [name, estimate, error] = best.candidates[i];
    if (best.relative_error <= kExact || estimate >= 0.9 * best.relative_error) break;
    const auto result = target.fit(candidates[i].index);
    error = result.distance.relative();
    if (!(error < best.relative_error)) continue;  // NaN is no better
    best.relative_error = error;
    best.lower_bound = factorize::lower_bound(result.distance, result.kept);
    best.twiddle = result.twiddle;
    best.permutation = name;
    best.index = candidates[i].index;
  }
  check(best.twiddle.defined(), "fit_butterfly: no permutation gave a finite error");
  return best;
}

// n = 1: the butterfly is a column of ones.
ButterflyFit fit_of_ones(const Tensor& column) {
  ButterflyFit fit{};
  Distance distance{0, 0};
  const Tensor values = is_complex(column.dtype()) ? column : complex(column);
  const auto* data = values.data<std::complex<double>>();
  factorize::scale_of("fit_butterfly", values.dim(0), 1, data);
  for (const std::complex<double> z : values.span<std::complex<double>>()) {
    distance.whole += std::norm(z);
    distance.error += std::norm(z - 1.0);
  }
  fit.twiddle = Tensor(twiddle_shape(column.dim(0), 1, 1, false), column.dtype());
  fit.permutation = "identity";
  fit.index = {0};
  fit.relative_error = fit.lower_bound = distance.relative();
  fit.candidates = {{"identity", -1, fit.relative_error}};
  return fit;
}

}  // namespace

Tensor ButterflyFit::multiply(const Tensor& x) const {
  const Tensor permuted = gather(pad(x, -1, 0, n - columns), Tensor::from(index, {n}));
  return butterfly_multiply(permuted, twiddle, n, increasing_stride, rows);
}

ButterflyFit fit_butterfly(const Tensor& matrix, const ButterflyFitOptions& options) {
  check(matrix.rank() == 2 && matrix.numel() > 0, "fit_butterfly: ", matrix,
        "; a matrix [rows, columns] with at least one entry can be factorised");
  const Tensor values = factorize::in_double(matrix);
  ButterflyFit fit = values.dim(1) == 1           ? fit_of_ones(values)
                     : is_complex(values.dtype()) ? search<std::complex<double>>(values, options)
                                                  : search<double>(values, options);
  fit.increasing_stride = options.increasing_stride;
  fit.rows = values.dim(0);
  fit.columns = values.dim(1);
  fit.n = butterfly_size(fit.columns);
  const auto splits = static_cast<double>(std::max<int64_t>(1, log2_exact(fit.n) - 1));
  fit.bound = !options.tree.orthonormal    ? 0
              : options.tree.left_to_right ? std::sqrt(splits)
                                           : splits;
  return fit;
}

}  // namespace papilio
