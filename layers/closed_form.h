// Butterflies in closed form: the factors of a dense matrix without training, with the permutation
// in front of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "papilio/layers/kronecker_sparse.h"

namespace papilio {

/// The permutations that learned ones can reach with the same choice at every level (Dao et al.
/// 2019, section 3.2): blocks of n, n/2, ..., 4 entries are each split into even and odd ones (a),
/// then their first half is reversed (b), then their second half (c).
struct BpPermutation {
  bool separate = false, reverse_first = false, reverse_second = false;
};
/// The eight of them; the one without any and the one with (a) alone come first.
const std::vector<BpPermutation>& bp_permutations();
/// "identity", "bit-reversal" for (a) alone, else the letters: "b", "c", "bc", "ab", "ac", "abc".
std::string text(const BpPermutation& permutation);
/// The index vector v of y = x[v], n a power of two.
std::vector<int64_t> index_of(const BpPermutation& permutation, int64_t n);

struct ButterflyFitOptions {
  /// "search" among the eight: all are compared on a sample of blocks, and those that may be best
  /// are tried. "exhaustive" tries all. Or the name of one.
  std::string permutation = "search";
  std::vector<int64_t> index = {};  ///< a permutation of your own, of n entries, instead
  bool increasing_stride = true;
  FitOptions tree = {};
};

struct ButterflyFit {
  Tensor twiddle;  ///< (nstacks, 1, log2 n, n/2, 2, 2), f64 or c128, for Butterfly::from_twiddle()
  bool increasing_stride;
  std::string permutation;             ///< its name, or "given"
  std::vector<int64_t> index;          ///< the butterfly takes x[index]; [n]
  int64_t rows, columns, n;            ///< of the matrix; the butterfly's size
  double relative_error, lower_bound;  ///< as in KroneckerFit; for this permutation
  double bound;                        ///< as in KroneckerFit
  /// True when the matrix was filled up with zeros to nstacks n x n.
  bool padded() const { return columns != n || rows % n != 0; }
  /// What was found by permutation: estimates from the sample (-1: none), errors (-1: not tried).
  struct Candidate {
    std::string permutation;
    double estimate, error;
  };
  std::vector<Candidate> candidates;

  /// x [..., columns] -> [..., rows], by permutation and butterfly.
  Tensor multiply(const Tensor& x) const;
};

/// The butterfly B and the permutation P with B P near the matrix [rows, columns]: exact when there
/// are such, see fit_kronecker_sparse(). Any sizes and floating dtype: as layer Butterfly, n is the
/// power of two at or above `columns`, and ceil(rows / n) stacks share the permutation. Throws
/// Error when the matrix is empty, not a matrix or has an entry that isn't finite.
ButterflyFit fit_butterfly(const Tensor& matrix, const ButterflyFitOptions& options = {});

}  // namespace papilio
