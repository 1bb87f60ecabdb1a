#include "papilio/layers/baselines.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <vector>

#include "papilio/core/error.h"
#include "papilio/core/kernels/gemm.h"
#include "papilio/layers/factorize/hierarchical.h"
#include "papilio/layers/factorize/low_rank.h"
#include "papilio/layers/factorize/scalar.h"
#include "papilio/layers/twiddle.h"

namespace papilio {
namespace {

using factorize::abs2;
using factorize::LowRankOptions;

// A matrix and what is left of it behind a sparse and a low-rank part.
template <class T>
class Remainder {
 public:
  Remainder(const char* who, const Tensor& matrix, int64_t budget) {
    check(matrix.rank() == 2 && matrix.numel() > 0, who, ": ", matrix,
          "; a matrix [rows, columns] with at least one entry can be approximated");
    check(budget >= 0, who, ": a budget of ", budget, " numbers; at least 0");
    rows_ = matrix.dim(0);
    columns_ = matrix.dim(1);
    const T* data = matrix.data<T>();
    factor_ = factorize::scale_of(who, rows_, columns_, data);
    for (int64_t e = 0; e < rows_ * columns_; ++e) matrix_.push_back(data[e] * factor_);
    left_ = matrix_;
  }

  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }
  int64_t rank_of(int64_t budget) const {
    return std::min(budget / (rows_ + columns_), std::min(rows_, columns_));
  }

  // The low-rank part becomes the best one for the matrix less the sparse part. left = matrix - low
  // rank.
  void fit_low_rank(int64_t rank, const LowRankOptions& options) {
    const std::vector<T> target = without_sparse();
    left_ = matrix_;
    if (rank == 0) return;
    std::vector<T> u(static_cast<size_t>(rows_ * rank)), v(static_cast<size_t>(rank * columns_));
    factorize::low_rank(rows_, columns_, target.data(), rank, u.data(), v.data(), options, v_);
    for (T& value : u) value = -value;
    kernels::gemm<T>({.m = rows_, .n = columns_, .k = rank, .accumulate = true}, u.data(), v.data(),
                     left_.data());
    v_ = std::move(v);
  }
  // The sparse part becomes the `count` largest entries of what the low-rank part leaves. Returns
  // the square of the error then.
  double fit_sparse(int64_t count) {
    std::vector<double> sizes;
    sizes.reserve(left_.size());
    for (const T& value : left_) sizes.push_back(abs2(value));
    count = std::min(count, rows_ * columns_);
    const auto kept = sizes.begin() + count;
    threshold_ = std::numeric_limits<double>::infinity();
    if (count > 0) {
      std::nth_element(sizes.begin(), kept - 1, sizes.end(), std::greater<>());
      threshold_ = kept[-1];
    }
    double error = 0;
    for (auto size = kept; size != sizes.end(); ++size) error += *size;
    return error;
  }

  Baseline result(double error, int64_t nonzeros, int64_t rank) const {
    double whole = 0;
    for (const T& value : matrix_) whole += abs2(value);
    const double count = static_cast<double>(rows_) * static_cast<double>(columns_);
    return {.relative_error = whole > 0 ? std::sqrt(error / whole) : 0,
            .rmse = std::sqrt(error / count) / factor_,
            .nonzeros = nonzeros,
            .rank = rank,
            .parameters = nonzeros + rank * (rows_ + columns_)};
  }

 private:
  // Ties at the threshold all stay out of the low-rank part's target; for that it doesn't matter.
  std::vector<T> without_sparse() const {
    std::vector<T> target = matrix_;
    for (size_t e = 0; e < target.size(); ++e)
      if (abs2(left_[e]) >= threshold_) target[e] -= left_[e];
    return target;
  }

  int64_t rows_, columns_;
  double factor_;
  std::vector<T> matrix_, left_, v_;
  double threshold_ = std::numeric_limits<double>::infinity();
};

template <class T>
Baseline sparse(const Tensor& matrix, int64_t budget) {
  Remainder<T> r("sparse_baseline", matrix, budget);
  const int64_t count = std::min(budget, r.rows() * r.columns());
  return r.result(r.fit_sparse(count), count, 0);
}

template <class T>
Baseline low_rank(const Tensor& matrix, int64_t budget) {
  Remainder<T> r("low_rank_baseline", matrix, budget);
  const int64_t rank = r.rank_of(budget);
  r.fit_low_rank(rank, {.oversampling = 24, .iterations = 100, .tolerance = 1e-9});
  return r.result(r.fit_sparse(0), 0, rank);
}

template <class T>
Baseline both(const Tensor& matrix, int64_t budget) {
  constexpr int kTurns = 12;
  constexpr double kGain = 1e-3;
  Remainder<T> last("sparse_plus_low_rank_baseline", matrix, budget);
  Baseline best = sparse<T>(matrix, budget);
  const Baseline other = low_rank<T>(matrix, budget);
  if (other.rmse < best.rmse) best = other;
  for (int64_t rank = 1; rank <= last.rank_of(budget); ++rank) {
    Remainder<T> r("", matrix, budget);
    const int64_t count =
        std::min(budget - rank * (r.rows() + r.columns()), r.rows() * r.columns());
    double error = std::numeric_limits<double>::infinity();
    for (int turn = 0; turn < kTurns; ++turn) {
      r.fit_low_rank(rank, {.iterations = turn == 0 ? 20 : 4, .tolerance = 1e-6});
      const double now = r.fit_sparse(count);
      const bool slow = now > error * (1 - kGain);
      error = std::min(error, now);
      if (slow) break;
    }
    const Baseline found = r.result(error, count, rank);
    if (found.rmse < best.rmse) best = found;
  }
  return best;
}

}  // namespace

int64_t butterfly_budget(int64_t n) { return 2 * n * log2_exact(n); }

Baseline sparse_baseline(const Tensor& matrix, int64_t budget) {
  const Tensor values = factorize::in_double(matrix);
  return is_complex(values.dtype()) ? sparse<std::complex<double>>(values, budget)
                                    : sparse<double>(values, budget);
}
Baseline low_rank_baseline(const Tensor& matrix, int64_t budget) {
  const Tensor values = factorize::in_double(matrix);
  return is_complex(values.dtype()) ? low_rank<std::complex<double>>(values, budget)
                                    : low_rank<double>(values, budget);
}
Baseline sparse_plus_low_rank_baseline(const Tensor& matrix, int64_t budget) {
  const Tensor values = factorize::in_double(matrix);
  return is_complex(values.dtype()) ? both<std::complex<double>>(values, budget)
                                    : both<double>(values, budget);
}

}  // namespace papilio
