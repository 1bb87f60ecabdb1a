// Butterflies from an oracle for entries: the factors of an n x n matrix that nobody writes down,
// from O(n log n) of its n^2 entries.
#pragma once

#include <complex>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "papilio/layers/closed_form.h"

namespace papilio {

/// Sets values[e] to entry (rows[e], columns[e]); all three have the same length. Called from
/// several threads at once.
using EntryOracle =
    std::function<void(std::span<const int64_t> rows, std::span<const int64_t> columns,
                       std::span<std::complex<double>> values)>;
/// Of a function of one row and column.
EntryOracle entry_oracle(std::function<std::complex<double>(int64_t row, int64_t column)> entry);

struct OracleOptions {
  /// "search" takes the one of the eight (see BpPermutation) whose sampled 2 x 2 minors, which are
  /// zero for a butterfly, are the smallest; or the name of one.
  std::string permutation = "search";
  std::vector<int64_t> index = {};  ///< a permutation of your own, of n entries, instead
  DType dtype = DType::c128;        ///< or f64, for a matrix of real entries
};

struct OracleFit {
  Tensor twiddle;              ///< (1, 1, log2 n, n/2, 2, 2) of increasing strides
  std::string permutation;     ///< its name, or "given"
  std::vector<int64_t> index;  ///< the butterfly takes x[index]; [n]
  int64_t evaluations;         ///< entries that the oracle was asked for
  int64_t parameters;          ///< 2 n log2 n
  /// Relative, over `samples` random entries, n^2 if that is less (Frobenius norms); what says
  /// whether the matrix is such a butterfly.
  double sampled_error;
  static constexpr int64_t samples = 4096;
};

/// The butterfly B and the permutation P with B P = the matrix, when there are such: the splits of
/// fit_kronecker_sparse(), but each block of rank one is its row and its column through one pivot,
/// the largest of a few entries, and entries of factors are traced back to one entry of the matrix
/// each. About 3 evaluations a parameter, O(n) memory besides the twiddle. Averages nothing: noise
/// grows with log n, and for matrices that are no butterflies the result means nothing. Throws
/// Error unless n is a power of two from 2 to 2^31, and when an entry isn't finite, or isn't real
/// for f64.
OracleFit identify_butterfly(int64_t n, const EntryOracle& entries,
                             const OracleOptions& options = {});

}  // namespace papilio
