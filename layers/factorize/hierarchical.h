// The hierarchical factorisation on raw arrays, behind fit_kronecker_sparse() and fit_butterfly().
// T is double or std::complex<double>.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "papilio/core/memory.h"
#include "papilio/layers/kronecker_sparse.h"

namespace papilio::factorize {

/// f64 or c128, the same storage if it is that already.
inline Tensor in_double(const Tensor& x) {
  const DType dtype = is_complex(x.dtype()) ? DType::c128 : DType::f64;
  return x.dtype() == dtype ? x : x.to(dtype);
}

/// A dense matrix seen with its rows and columns in another order, as the whole product: entry
/// (i, j) is scale * data[row_order[i], column_order[j]], zero outside of data [rows, columns].
template <class T>
struct Matrix {
  const T* data;
  int64_t rows, columns;
  const int64_t* row_order = nullptr;     ///< null: as they stand
  const int64_t* column_order = nullptr;  ///< [order_size]; null: as they stand
  int64_t order_size = 0;
  double scale = 1;

  int64_t row(int64_t i) const { return row_order ? row_order[i] : i; }
};

/// The power of two that brings the largest entry into [1/2, 1), so that squares neither overflow
/// nor vanish; 1 for a zero matrix. Throws Error that begins with `who` and gives the first entry
/// that is not finite.
template <class T>
double scale_of(const char* who, int64_t rows, int64_t columns, const T* data);

/// Entries j = first + (b width + k) step of a row, k < width, for each b of `blocks`.
struct RowPart {
  int64_t first, step, width;
  std::span<const int64_t> blocks;
};

/// Reads parts of rows into planes. Threads share one, each with a buffer of its own.
template <class T>
class RowReader {
 public:
  explicit RowReader(const Matrix<T>& m);

  Buffer buffer() const;
  /// Entry k of blocks[g] to re[g stride + k] and, of complex T, im[g stride + k].
  void load(int64_t i, const RowPart& part, const Buffer& buffer, double* re, double* im,
            int64_t stride) const;
  /// 0 ... count-1, sorted so that neighbouring blocks of `width` columns share cache lines of
  /// data.
  std::vector<int64_t> block_order(int64_t count, int64_t width) const;
  /// With its columns in another order the matrix is best read by whole rows.
  bool scattered() const { return !places_.empty(); }

 private:
  void load_in_order(const T* data, const RowPart& part, double* re, double* im,
                     int64_t stride) const;
  void load_scattered(const T* data, const RowPart& part, double* re, double* im,
                      int64_t stride) const;

  Matrix<T> m_;
  // Where entry j stands in a buffer that holds a row of data with gaps, so that columns a power of
  // two apart don't share cache sets; behind it a zero for what lies outside. Empty when columns
  // are in order.
  std::vector<int32_t> places_;
};

/// Uninitialised.
inline KroneckerFactor empty_factor(const KroneckerPattern& p, DType dtype) {
  return {p, Tensor({p.a, p.d, p.b, p.c}, dtype)};
}

struct Split {
  KroneckerFactor left, right;
  double whole, kept;  ///< squares of Frobenius norms: of what was split, and of the product
};
/// The best product of patterns left and right to a matrix, the first split; or to a factor.
template <class T>
Split split(const Matrix<T>& m, const KroneckerPattern& left, const KroneckerPattern& right);
template <class T>
Split split(const KroneckerFactor& f, const KroneckerPattern& left, const KroneckerPattern& right);

/// Squares of Frobenius norms.
struct Distance {
  double error, whole;

  double relative() const { return whole > 0 ? std::sqrt(error / whole) : 0; }
};
/// What no product with a first split that keeps `kept` can avoid, relative. Less what rounding
/// alone may have added.
inline double lower_bound(const Distance& d, double kept) {
  const double lost = d.whole - kept - 1e-14 * d.whole;
  return Distance{std::clamp(lost, 0.0, d.error), d.whole}.relative();
}
/// Of the matrix from the product left * right, and of the matrix, over the entries that lie in
/// data.
template <class T>
Distance distance(const Matrix<T>& m, const KroneckerFactor& left, const KroneckerFactor& right);
/// From one factor.
template <class T>
Distance distance(const Matrix<T>& m, const KroneckerFactor& factor);

/// A guess at the distance of a butterfly_chain(n) fit, in O(n^1.5) time; and of the energy it
/// looked at, n > 2.
template <class T>
Distance sample_of_butterfly(const Matrix<T>& m, int64_t n);

/// Leaves left * right as it is and makes the columns of each block of `left` orthonormal (zero
/// where it has lower rank), or the rows of each block of `right`.
template <class T>
void orthonormalise_left(KroneckerFactor& left, KroneckerFactor& right);
template <class T>
void orthonormalise_right(KroneckerFactor& left, KroneckerFactor& right);

struct Fit {
  std::vector<KroneckerFactor> factors;
  Distance distance;
  double whole, kept;  ///< of the first split
};
/// The whole algorithm. The factors give m.data, that is without m.scale, a power of two.
template <class T>
Fit fit(const Matrix<T>& m, std::span<const KroneckerPattern> chain, const FitOptions& options);

}  // namespace papilio::factorize
