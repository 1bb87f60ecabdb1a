// Products of Kronecker-sparse factors, which hold butterflies of any radix, Monarch and block
// butterflies, and their closed-form fit to a dense matrix (Le, Zheng, Riccietti and Gribonval,
// "Butterfly factorization with error guarantees", SIAM J. Matrix Anal. 2025).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "papilio/core/tensor.h"

namespace papilio {

/// The support I_a (x) 1_{b x c} (x) I_d of a factor: entry (row, column) may be nonzero when
/// row = (i b + r) d + k and column = (i c + s) d + k for some i < a, r < b, s < c, k < d.
struct KroneckerPattern {
  int64_t a, b, c, d;

  int64_t rows() const { return a * b * d; }
  int64_t columns() const { return a * c * d; }
  int64_t nonzeros() const { return a * b * c * d; }
  bool operator==(const KroneckerPattern&) const = default;
};
/// "(1, 2, 2, 512)"
std::string text(const KroneckerPattern& pattern);

/// A chain of patterns, leftmost first, is chainable when for every two neighbours a | a', d' | d
/// and a c / a' = b' d' / d: that is the rank of the blocks of their product, which this returns.
/// Throws Error with both patterns when they are not.
int64_t block_rank(const KroneckerPattern& left, const KroneckerPattern& right);
/// Of two chainable patterns: (a, b d / d', a' c' / a, d').
KroneckerPattern product_pattern(const KroneckerPattern& left, const KroneckerPattern& right);

/// Factor l mixes columns[l] inputs to rows[l] outputs, rank times; the matrix has the product of
/// `rows` rows and the product of `columns` columns. ({2, 2, ...}, {2, 2, ...}) is the butterfly
/// whose rightmost factor has stride 1; ({m, m}, {m, m}) Monarch of size m^2.
std::vector<KroneckerPattern> radix_chain(const std::vector<int64_t>& rows,
                                          const std::vector<int64_t>& columns, int64_t rank = 1);
/// radix_chain of log2 n twos; n is a power of two, at least 2.
std::vector<KroneckerPattern> butterfly_chain(int64_t n);

/// Factor with its entries: values [a, d, b, c], f64 or c128. Of butterfly_chain() these are one
/// factor of an untied twiddle.
struct KroneckerFactor {
  KroneckerPattern pattern;
  Tensor values;
};
/// The product of two chainable factors. Throws Error, as dense_matrix() does, when they are not,
/// or values don't have the shape and dtype that belong to them.
KroneckerFactor multiply(const KroneckerFactor& left, const KroneckerFactor& right);
/// The matrix [rows, columns] of the factors, leftmost first.
Tensor dense_matrix(const std::vector<KroneckerFactor>& factors);

struct FitOptions {
  /// The tree of splits: halving chains (fastest), or one factor after the other from the left.
  bool left_to_right = false;
  /// Before every split the other factors are made orthonormal, so that the error of a split is
  /// error of the whole: never farther from the matrix than fit.bound times the best product of
  /// these patterns is.
  bool orthonormal = true;
};

struct KroneckerFit {
  std::vector<KroneckerFactor> factors;  ///< leftmost first
  double relative_error;  ///< ||matrix - product|| / ||matrix||, Frobenius norms, computed by entry
  /// No product of these patterns has a smaller relative error: that of the first split alone.
  double lower_bound;
  /// Of orthonormal fits: error <= bound * the smallest possible one. L - 1 for L factors, its
  /// root from left to right (for chains whose block ranks are below the sizes of the blocks).
  /// Otherwise 0: no guarantee.
  double bound;
};

/// The factors of a matrix [rows, columns] of any floating dtype, by best rank-r approximations of
/// disjoint blocks on a tree of splits (Zheng, Riccietti and Gribonval, "Efficient identification
/// of butterfly sparse matrix factorizations"): exact when the matrix is such a product, otherwise
/// near the best one. Reads the matrix twice and takes O(nonzeros of the matrix) time. The factors
/// have equal weights unless orthonormal: then one of them has it all. Throws Error when sizes
/// don't fit, the chain isn't chainable or an entry isn't finite.
KroneckerFit fit_kronecker_sparse(const Tensor& matrix, const std::vector<KroneckerPattern>& chain,
                                  const FitOptions& options = {});

}  // namespace papilio
