// Truncated singular value decompositions, by iteration on a subspace and Jacobi rotations: what
// blocks of rank above one and the low-rank baselines need, without LAPACK. T is double or
// std::complex<double>.
#pragma once

#include <cstdint>
#include <vector>

#include "papilio/core/kernels/rank_one.h"

namespace papilio::factorize {

struct LowRankOptions {
  int64_t oversampling = 6;  ///< dimensions of the subspace beyond the rank
  int64_t iterations = 100;  ///< at most
  double tolerance = 1e-14;  ///< ends when an iteration adds less of the energy
};

/// m ~ u v of the given rank, m [rows, columns] row-major: u [rows, rank], v [rank, columns], both
/// with the roots of the singular values; columns of u are orthogonal, rows of v too. Zeros beyond
/// the rank of m. `start` may hold rows [count, columns] that span a guess of the space of v.
template <class T>
kernels::Energy low_rank(int64_t rows, int64_t columns, const T* m, int64_t rank, T* u, T* v,
                         const LowRankOptions& options = {}, const std::vector<T>& start = {});

/// Replaces rows [count, length], row-major, by orthonormal ones of the same span, or zeros behind
/// its dimension (Gram and Schmidt, twice). With `r` [count, count] not null, old row i is the sum
/// over k <= i of r[i][k] times new row k.
template <class T>
void orthonormalise_rows(int64_t count, int64_t length, T* rows, T* r = nullptr);

}  // namespace papilio::factorize
