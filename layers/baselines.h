// What sparse and low-rank matrices with as many numbers as a butterfly come to: the baselines of
// the learning experiment (Dao et al. 2019, section 4.1).
#pragma once

#include <cstdint>

#include "papilio/core/tensor.h"

namespace papilio {

struct Baseline {
  double relative_error;  ///< ||matrix - approximation|| / ||matrix||, Frobenius norms
  double rmse;            ///< ||matrix - approximation|| / sqrt(rows columns)
  int64_t nonzeros, rank;
  int64_t parameters;  ///< nonzeros + rank (rows + columns); complex numbers count once
};

/// 2 n log2 n, the numbers of an untied butterfly: the budget of the paper's table.
int64_t butterfly_budget(int64_t n);

// All take a matrix [rows, columns] of any floating dtype, and compute in double precision. They
// throw Error when it is empty, when an entry isn't finite or when the budget is negative.

/// The `budget` entries of largest modulus; the best such approximation.
Baseline sparse_baseline(const Tensor& matrix, int64_t budget);
/// Of rank budget / (rows + columns), at most the smaller size: the truncated singular value
/// decomposition, by block power iteration of our own (no LAPACK). Where singular values hardly
/// decay, as those of a random matrix, its error is up to about 1e-4 of itself above the optimum.
Baseline low_rank_baseline(const Tensor& matrix, int64_t budget);
/// The best found of sparse plus low rank, for every rank that the budget allows: the two are
/// fitted in turns to what the other leaves, from the low-rank side. Never worse than either.
Baseline sparse_plus_low_rank_baseline(const Tensor& matrix, int64_t budget);

}  // namespace papilio
