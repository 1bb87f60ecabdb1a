#include "papilio/layers/factorize/low_rank.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numeric>

#include "papilio/core/kernels/gemm.h"
#include "papilio/core/random.h"
#include "papilio/layers/factorize/scalar.h"

namespace papilio::factorize {
namespace {

using kernels::Energy;
using kernels::Op;

template <class T>
double squares(int64_t length, const T* x) {
  return kernels::squares(length * kParts<T>, reinterpret_cast<const double*>(x));
}
// Sum of x conj(y).
template <class T>
T inner(int64_t length, const T* x, const T* y) {
  T sum = 0;
  for (int64_t j = 0; j < length; ++j) sum += product(x[j], conjugate(y[j]));
  return sum;
}
// (x, y) <- (c x - s y, conj(s) x + c y)
template <class T>
void rotate(int64_t length, double c, T s, T* x, T* y) {
  for (int64_t j = 0; j < length; ++j) {
    const T a = x[j], b = y[j];
    x[j] = c * a - product(s, b);
    y[j] = product(conjugate(s), a) + c * b;
  }
}

// m ~ q b: q [count, rows] transposed with orthonormal rows, b [count, columns].
template <class T>
struct Pair {
  int64_t rows, columns, count;
  std::vector<T> q, b;

  T* q_row(int64_t i) { return q.data() + i * rows; }
  T* b_row(int64_t i) { return b.data() + i * columns; }
};

// Jacobi rotations until the rows of b are orthogonal; q follows, so that the product stays.
template <class T>
void orthogonalise(Pair<T>& p) {
  constexpr int kSweeps = 30;
  const double negligible = 1e-32 * squares(p.count * p.columns, p.b.data());
  for (int sweep = 0, rotations = 1; sweep < kSweeps && rotations > 0; ++sweep) {
    rotations = 0;
    for (int64_t i = 0; i < p.count; ++i)
      for (int64_t j = i + 1; j < p.count; ++j) {
        T *x = p.b_row(i), *y = p.b_row(j);
        const double alpha = squares(p.columns, x), beta = squares(p.columns, y);
        const T gamma = inner(p.columns, x, y);
        const double size = std::abs(gamma);
        if (size <= 1e-15 * std::sqrt(alpha * beta) || size <= negligible) continue;
        ++rotations;
        const double zeta = (beta - alpha) / (2 * size);
        const double t = std::copysign(1 / (std::abs(zeta) + std::hypot(1, zeta)), zeta);
        const double c = 1 / std::hypot(1, t);
        const T s = c * t / size * gamma;
        rotate(p.columns, c, s, x, y);
        rotate(p.rows, c, conjugate(s), p.q_row(i), p.q_row(j));
      }
  }
}

// The rows of b by size, largest first.
template <class T>
std::vector<std::pair<double, int64_t>> singular_values(Pair<T>& p) {
  std::vector<std::pair<double, int64_t>> values;
  for (int64_t i = 0; i < p.count; ++i)
    values.emplace_back(std::sqrt(squares(p.columns, p.b_row(i))), i);
  std::ranges::sort(values, [](const auto& a, const auto& b) { return a.first > b.first; });
  return values;
}
template <class T>
double kept_by(Pair<T>& p, int64_t rank) {
  const auto values = singular_values(p);
  return std::accumulate(values.begin(), values.begin() + std::min(rank, p.count), 0.0,
                         [](double sum, const auto& v) { return sum + v.first * v.first; });
}

template <class T>
std::vector<T> first_guess(int64_t count, int64_t columns, const std::vector<T>& start) {
  std::vector<T> v = start;
  v.resize(static_cast<size_t>(count * columns));
  const Rng rng(0);
  for (size_t e = start.size(); e < v.size(); ++e) v[e] = rng.normal(e);
  return v;
}

// Block power iteration (Halko, Martinsson and Tropp 2011, algorithm 4.4) until the wanted part of
// b has all the energy it can.
template <class T>
Pair<T> iterate(int64_t rows, int64_t columns, const T* m, int64_t rank, int64_t count,
                const LowRankOptions& options, const std::vector<T>& start) {
  Pair<T> p{rows, columns, count, std::vector<T>(static_cast<size_t>(count * rows)),
            first_guess(count, columns, start)};
  double before = -1;
  for (int64_t step = 0; step < options.iterations; ++step) {
    orthonormalise_rows(count, columns, p.b.data());
    kernels::gemm<T>({count, rows, columns, Op::conjugate, Op::transpose}, p.b.data(), m,
                     p.q.data());
    orthonormalise_rows(count, rows, p.q.data());
    kernels::gemm<T>({count, columns, rows, Op::conjugate, Op::none}, p.q.data(), m, p.b.data());
    orthogonalise(p);
    const double kept = kept_by(p, rank);
    if (kept - before <= options.tolerance * kept) break;
    before = kept;
  }
  return p;
}

// q = I, b = m
template <class T>
Pair<T> whole(int64_t rows, int64_t columns, const T* m) {
  Pair<T> p{rows, columns, rows, std::vector<T>(static_cast<size_t>(rows * rows)),
            std::vector<T>(m, m + rows * columns)};
  for (int64_t i = 0; i < rows; ++i) p.q_row(i)[i] = 1;
  orthogonalise(p);
  return p;
}

}  // namespace

template <class T>
void orthonormalise_rows(int64_t count, int64_t length, T* rows, T* r) {
  if (r) std::fill_n(r, count * count, T(0));
  for (int64_t i = 0; i < count; ++i) {
    T* x = rows + i * length;
    const double before = squares(length, x);
    for (int pass = 0; pass < 2; ++pass)
      for (int64_t k = 0; k < i; ++k) {
        const T* y = rows + k * length;
        const T along = inner(length, x, y);
        for (int64_t j = 0; j < length; ++j) x[j] -= product(along, y[j]);
        if (r) r[i * count + k] += along;
      }
    const double left = std::sqrt(squares(length, x));
    const bool lost = left <= 1e-15 * std::sqrt(before) || left == 0;
    for (int64_t j = 0; j < length; ++j) x[j] = lost ? T(0) : x[j] / left;
    if (r && !lost) r[i * count + i] = left;
  }
}

template <class T>
Energy low_rank(int64_t rows, int64_t columns, const T* m, int64_t rank, T* u, T* v,
                const LowRankOptions& options, const std::vector<T>& start) {
  const int64_t count = std::min(rank + options.oversampling, std::min(rows, columns));
  const bool few = 2 * count >= std::min(rows, columns);
  Pair<T> p;
  if (few && rows > columns) {  // rotations of the columns then
    std::vector<T> t(static_cast<size_t>(rows * columns));
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) t[j * rows + i] = m[i * columns + j];
    p = whole(columns, rows, t.data());
  } else {
    p = few ? whole(rows, columns, m) : iterate(rows, columns, m, rank, count, options, start);
  }
  const bool transposed = few && rows > columns;
  const auto values = singular_values(p);
  std::fill_n(u, rows * rank, T(0));
  std::fill_n(v, rank * columns, T(0));
  double kept = 0;
  for (int64_t k = 0; k < std::min(rank, p.count); ++k) {
    const auto [sigma, i] = values[static_cast<size_t>(k)];
    if (sigma == 0) break;
    kept += sigma * sigma;
    const double root = std::sqrt(sigma);
    const T *left = p.q_row(i), *right = p.b_row(i);
    for (int64_t j = 0; j < rows; ++j)
      u[j * rank + k] = transposed ? right[j] / root : left[j] * root;
    for (int64_t j = 0; j < columns; ++j)
      v[k * columns + j] = transposed ? left[j] * root : right[j] / root;
  }
  return {squares(rows * columns, m), kept};
}

template Energy low_rank(int64_t, int64_t, const double*, int64_t, double*, double*,
                         const LowRankOptions&, const std::vector<double>&);
template Energy low_rank(int64_t, int64_t, const std::complex<double>*, int64_t,
                         std::complex<double>*, std::complex<double>*, const LowRankOptions&,
                         const std::vector<std::complex<double>>&);
template void orthonormalise_rows(int64_t, int64_t, double*, double*);
template void orthonormalise_rows(int64_t, int64_t, std::complex<double>*, std::complex<double>*);

}  // namespace papilio::factorize
