#include "papilio/layers/kmatrix_members.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <numeric>
#include <vector>

#include "papilio/layers/butterfly_algebra.h"
#include "papilio/layers/fourier_butterfly.h"
#include "papilio/layers/kmatrix_algebra.h"
#include "papilio/layers/permutation.h"
#include "papilio/layers/twiddle.h"

namespace papilio {
namespace {

using Complex = std::complex<double>;
using Index = std::vector<int64_t>;

constexpr Matrix2 kIdentity{1, 0, 0, 1};

size_t at(int64_t i) { return static_cast<size_t>(i); }

// ---- sparse matrices

struct Entry {
  int64_t row, column;
  Complex value;
};

// The ranks of values among the distinct ones, for values in order; `distinct` receives those.
Index ranks(const Index& ordered, Index& distinct) {
  Index result;
  for (const int64_t value : ordered) {
    if (distinct.empty() || distinct.back() != value) distinct.push_back(value);
    result.push_back(static_cast<int64_t>(distinct.size()) - 1);
  }
  return result;
}

// The butterfly whose column c is the unit vector of row[c], for rows that never fall and grow by
// at most 1 from 0 on: then no two sources of a factor that need different values share a place.
// The columns behind are of no consequence.
Butterfly step_matrix(const Index& row, int64_t n, DType dtype) {
  const int64_t pairs = n / 2;
  std::vector<Matrix2> matrices(at(log2_exact(n) * pairs), kIdentity);
  std::vector<std::array<bool, 2>> routed(matrices.size(), {false, false});
  for (int64_t c = 0; c < static_cast<int64_t>(row.size()); ++c)
    for (int64_t k = 0, stride = 1; stride < n; ++k, stride *= 2) {
      // In the block of 2 stride columns around c: from where the half's sum stands to the row.
      const int64_t source = c / stride % 2, target = row[at(c)] / stride % 2;
      const auto pair = at(k * pairs + c / (2 * stride) * stride + row[at(c)] % stride);
      const auto from = at(source), to = at(target);
      if (routed[pair][from]) continue;
      routed[pair][from] = true;
      matrices[pair][2 * to + from] = 1;
      matrices[pair][2 * (1 - to) + from] = 0;
    }
  return Butterfly::from_twiddle(n, n,
                                 make_twiddle(n, 1, true, dtype, [&](const TwiddlePlace& place) {
                                   return matrices[at(place.factor * pairs + place.pair)];
                                 }));
}

// At most n entries of a matrix n x n, row by row: P1 H P2 V P3 with permutations P and step
// matrices H and V^T.
Butterfly few_entries(std::span<const Entry> entries, int64_t n, DType dtype) {
  const auto count = static_cast<int64_t>(entries.size());
  Index by_column(entries.size()), rows, columns, row_list, column_list;
  std::iota(by_column.begin(), by_column.end(), 0);
  std::stable_sort(by_column.begin(), by_column.end(), [&](int64_t a, int64_t b) {
    return entries[at(a)].column < entries[at(b)].column;
  });
  std::vector<Complex> values(at(n), 0);
  for (int64_t k = 0; k < count; ++k) {
    rows.push_back(entries[at(k)].row);
    columns.push_back(entries[at(by_column[at(k)])].column);
    values[at(k)] = entries[at(k)].value;
  }
  const Butterfly h = step_matrix(ranks(rows, row_list), n, dtype),
                  v = transposed(step_matrix(ranks(columns, column_list), n, dtype));
  Tensor scales = Tensor::from(values, {n});
  if (is_real(dtype)) scales = real(scales);
  const Butterfly first = product(v, permutation_as_butterfly(completed_permutation(column_list, n),
                                                              false, dtype)),
                  middle = permutation_as_butterfly(
                      inverse_permutation(completed_permutation(by_column, n)), true, dtype),
                  last = product(
                      permutation_as_butterfly(
                          inverse_permutation(completed_permutation(row_list, n)), false, dtype),
                      times_diagonal(h, scales.to(dtype)));
  return product(last, product(middle, first));
}

KMatrix sparse(std::span<const Entry> entries, int64_t out, int64_t in, DType dtype) {
  const int64_t n = std::max<int64_t>(butterfly_size(std::max(in, out)), 2);
  std::vector<KMatrix> parts;
  do {
    const auto some = entries.first(std::min(entries.size(), at(n)));
    entries = entries.subspan(some.size());
    const Butterfly part = few_entries(some, n, dtype);
    parts.push_back(KMatrix::from_twiddle(in, out, part.twiddle()));
  } while (!entries.empty());
  return parts.size() == 1 ? std::move(parts[0]) : sum(parts);
}

// ---- reflections

using Turns = std::vector<std::vector<Matrix2>>;

// Of stride 2^k and pair i < 2^k: the unitary matrix whose adjoint turns (w_i, w_{i + stride}) into
// (norm, 0), beginning with the largest stride. Leaves w = (norm, ...).
Turns turns_of(std::vector<Complex>& w) {
  const int64_t factors = log2_exact(static_cast<int64_t>(w.size()));
  Turns turns(at(factors));
  for (int64_t k = factors - 1; k >= 0; --k)
    for (int64_t i = 0, stride = int64_t{1} << k; i < stride; ++i) {
      const Complex a = w[at(i)], b = w[at(i + stride)];
      const double norm = std::hypot(std::abs(a), std::abs(b));
      w[at(i)] = norm;
      turns[at(k)].push_back(
          norm == 0 ? kIdentity
                    : Matrix2{a / norm, -std::conj(b) / norm, b / norm, std::conj(a) / norm});
    }
  return turns;
}

KMatrix reflection_by_angles(const Turns& turns, int64_t n, int64_t features, DType dtype) {
  const int64_t factors = log2_exact(n);
  Tensor angles = Tensor::zeros({1, 2, factors, n / 2}, DType::f64),
         diagonal = Tensor::full({1, 1, n}, 1, DType::f64);
  diagonal.mutable_data<double>()[0] = -1;
  double* values = angles.mutable_data<double>();
  for (int64_t k = 0; k < factors; ++k)
    for (int64_t i = 0; i < int64_t{1} << k; ++i) {
      const Matrix2& m = turns[at(k)][at(i)];
      const double angle = std::atan2(m[2].real(), m[0].real());
      values[(factors - 1 - k) * (n / 2) + i] = -angle;
      values[(factors + k) * (n / 2) + i] = angle;
    }
  return KMatrix::from_angles(features, features, angles.to(dtype), diagonal.to(dtype));
}

}  // namespace

KMatrix sparse_as_kmatrix(const Tensor& matrix) {
  check(matrix.rank() == 2 && matrix.numel() > 0, "sparse_as_kmatrix: matrix ", matrix,
        ", expected [out, in]");
  const int64_t out = matrix.dim(0), in = matrix.dim(1);
  const std::vector<Complex> values = numbers_of(matrix);
  std::vector<Entry> entries;
  for (int64_t i = 0; i < out * in; ++i)
    if (values[at(i)] != 0.0) entries.push_back({i / in, i % in, values[at(i)]});
  return sparse(entries, out, in, matrix.dtype());
}

KMatrix low_rank_as_kmatrix(const Tensor& left, const Tensor& right) {
  check(left.rank() == 2 && right.rank() == 2 && left.dim(1) == right.dim(1) && left.numel() > 0 &&
            right.numel() > 0 && left.dtype() == right.dtype(),
        "low_rank_as_kmatrix: left ", left, " and right ", right,
        ", expected [out, r] and [in, r] of one dtype");
  const int64_t out = left.dim(0), in = right.dim(0), rank = left.dim(1);
  const int64_t inner = std::max(in, out);
  const std::vector<Complex> u = numbers_of(left), v = numbers_of(right);
  std::vector<KMatrix> parts;
  for (int64_t r = 0; r < rank; ++r) {
    std::vector<Entry> column, row;
    for (int64_t i = 0; i < out; ++i) column.push_back({i, 0, u[at(i * rank + r)]});
    for (int64_t i = 0; i < in; ++i) row.push_back({0, i, v[at(i * rank + r)]});
    parts.push_back(
        product(sparse(column, out, inner, left.dtype()), sparse(row, inner, in, left.dtype())));
  }
  return rank == 1 ? std::move(parts[0]) : sum(parts);
}

KMatrix householder_as_kmatrix(const Tensor& u) {
  check(u.rank() == 1 && u.numel() >= 1, "householder_as_kmatrix: u ", u, ", expected [n]");
  const int64_t n = std::max<int64_t>(butterfly_size(u.numel()), 2);
  std::vector<Complex> w = numbers_of(u);
  w.resize(at(n), 0);
  const Turns turns = turns_of(w);
  check(w[0].real() > 0 && std::isfinite(w[0].real()), "householder_as_kmatrix: u ", u,
        " has the norm ", w[0].real());
  if (is_real(u.dtype())) return reflection_by_angles(turns, n, u.numel(), u.dtype());
  const Tensor twiddle = make_twiddle(n, 2, false, u.dtype(), [&](const TwiddlePlace& place) {
    if (place.pair >= place.stride) return kIdentity;
    const Matrix2 m = turns[at(log2_exact(place.stride))][at(place.pair)];
    if (place.block == 1) return m;
    const double sign = place.stride == 1 ? -1 : 1;  // of the first row: the diagonal
    return Matrix2{sign * std::conj(m[0]), sign * std::conj(m[2]), std::conj(m[1]),
                   std::conj(m[3])};
  });
  return KMatrix::from_twiddle(u.numel(), u.numel(), twiddle);
}

}  // namespace papilio
