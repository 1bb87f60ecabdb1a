#include <algorithm>
#include <array>
#include <complex>
#include <type_traits>
#include <vector>

#include "papilio/core/kernels/rank_one.h"
#include "papilio/core/memory.h"
#include "papilio/core/threads.h"
#include "papilio/layers/factorize/hierarchical.h"
#include "papilio/layers/factorize/scalar.h"

namespace papilio::factorize {
namespace {

// Numbers in planes of `count`.
template <class T>
struct Planes {
  int64_t count;
  Buffer numbers;

  explicit Planes(int64_t n)
      : count(n), numbers(static_cast<size_t>(n * kParts<T>) * sizeof(double)) {}
  double* re() const { return numbers.as<double>(); }
  double* im() const { return kParts<T> == 2 ? re() + count : nullptr; }
  void fill(const T* from, int64_t at, int64_t n) const {
    for (int64_t k = 0; k < n; ++k) {
      re()[at + k] = std::real(from[k]);
      if constexpr (is_complex_type<T>) im()[at + k] = from[k].imag();
    }
  }
  void clear(int64_t at) const {
    re()[at] = 0;
    if constexpr (is_complex_type<T>) im()[at] = 0;
  }
};

template <class T>
bool lies_in_data(const Matrix<T>& m, int64_t column) {
  return (m.column_order ? m.column_order[column] : column) < m.columns;
}

// Adds the entries of row i outside of the support of `whole`, which are error.
template <class T>
void add_outside(const RowReader<T>& reader, const Buffer& buffer, const KroneckerPattern& whole,
                 int64_t i, const Planes<T>& row, Distance& sum) {
  if (whole.a * whole.d == 1) return;
  constexpr std::array<int64_t, 1> kAll = {0};
  reader.load(i, {0, 1, whole.columns(), kAll}, buffer, row.re(), row.im(), 0);
  const int64_t delta = i % whole.d, alpha = i / (whole.d * whole.b);
  for (int64_t s = 0; s < whole.c; ++s) row.clear((alpha * whole.c + s) * whole.d + delta);
  const double outside = kernels::squares(kParts<T> * whole.columns(), row.re());
  sum.error += outside;
  sum.whole += outside;
}

Distance total(const std::vector<Distance>& parts) {
  Distance sum{0, 0};
  for (const Distance& part : parts) {
    sum.error += part.error;
    sum.whole += part.whole;
  }
  return sum;
}

// body(unit, sum) for each unit, summed in the order of units.
template <class Body>
Distance sum_of_units(int64_t units, int64_t work, const Body& body) {
  std::vector<Distance> parts(static_cast<size_t>(units), Distance{0, 0});
  parallel_for(
      units,
      [&](int64_t begin, int64_t end) {
        for (int64_t u = begin; u < end; ++u) body(u, parts[static_cast<size_t>(u)]);
      },
      std::max<int64_t>(1, (int64_t{1} << 17) / work));
  return total(parts);
}

}  // namespace

template <class T>
Distance distance(const Matrix<T>& m, const KroneckerFactor& left, const KroneckerFactor& right) {
  const KroneckerPattern &l = left.pattern, &r = right.pattern, whole = product_pattern(l, r);
  const int64_t rank = block_rank(l, r), t1_count = r.a / l.a, t2_count = l.d / r.d;
  const T *x = left.values.data<T>(), *y = right.values.data<T>();
  const RowReader<T> reader(m);
  const std::vector<int64_t> order = reader.block_order(t1_count, r.c);
  // A unit is the rows with the same alpha, delta and t2: all of them use the same rows of `right`.
  return sum_of_units(whole.a * whole.d * t2_count, l.b * whole.c, [&](int64_t u, Distance& sum) {
    const int64_t alpha = u / t2_count / whole.d, delta = u / t2_count % whole.d, t2 = u % t2_count;
    const Buffer buffer = reader.buffer();
    const Planes<T> rows(rank * whole.c), row(whole.columns()), coefficients(l.c);
    for (int64_t t1 = 0; t1 < t1_count; ++t1)
      for (int64_t k = 0; k < rank; ++k)
        rows.fill(y + (((alpha * t1_count + t1) * r.d + delta) * r.b + k * t2_count + t2) * r.c,
                  k * whole.c + t1 * r.c, r.c);
    for (int64_t s = 0; s < whole.c; ++s)
      if (!lies_in_data(m, (alpha * whole.c + s) * whole.d + delta))
        for (int64_t k = 0; k < rank; ++k) rows.clear(k * whole.c + s);
    double *re = row.re(), *im = kParts<T> == 2 ? re + whole.c : nullptr;
    for (int64_t r1 = 0; r1 < l.b; ++r1) {
      const int64_t i = (alpha * whole.b + r1 * t2_count + t2) * whole.d + delta;
      if (m.row(i) >= m.rows) continue;
      reader.load(i, {alpha * whole.c * whole.d + delta, whole.d, r.c, order}, buffer, re, im, r.c);
      coefficients.fill(x + ((alpha * l.d + t2 * r.d + delta) * l.b + r1) * l.c, 0, l.c);
      sum.whole += kernels::squares(kParts<T> * whole.c, re);
      for (int64_t k = 0; k < t1_count; ++k) {
        const int64_t from = k * r.c, t1 = order[static_cast<size_t>(k)], c = t1 * rank,
                      at = t1 * r.c;
        sum.error += kernels::residual(r.c, rank, whole.c, re + from, im ? im + from : nullptr,
                                       coefficients.re() + c, im ? coefficients.im() + c : nullptr,
                                       rows.re() + at, im ? rows.im() + at : nullptr);
      }
      add_outside(reader, buffer, whole, i, row, sum);
    }
  });
}

template <class T>
Distance distance(const Matrix<T>& m, const KroneckerFactor& factor) {
  constexpr std::array<int64_t, 1> kFirst = {0};
  const KroneckerPattern& p = factor.pattern;
  const RowReader<T> reader(m);
  const T* values = factor.values.data<T>();
  return sum_of_units(p.rows(), p.c, [&](int64_t i, Distance& sum) {
    if (m.row(i) >= m.rows) return;
    const int64_t delta = i % p.d, r = i / p.d % p.b, alpha = i / p.d / p.b;
    const T* from = values + ((alpha * p.d + delta) * p.b + r) * p.c;
    const Planes<T> row(p.columns());
    const Buffer buffer = reader.buffer();
    for (int64_t s = 0; s < p.c; ++s) {
      const int64_t j = (alpha * p.c + s) * p.d + delta;
      if (!lies_in_data(m, j)) continue;
      double re, im = 0;
      reader.load(i, {j, 1, 1, kFirst}, buffer, &re, &im, 0);
      const std::complex<double> entry(re, im);
      sum.whole += std::norm(entry);
      sum.error += std::norm(entry - from[s]);
    }
    add_outside(reader, buffer, p, i, row, sum);
  });
}

template Distance distance(const Matrix<double>&, const KroneckerFactor&, const KroneckerFactor&);
template Distance distance(const Matrix<std::complex<double>>&, const KroneckerFactor&,
                           const KroneckerFactor&);
template Distance distance(const Matrix<double>&, const KroneckerFactor&);
template Distance distance(const Matrix<std::complex<double>>&, const KroneckerFactor&);

}  // namespace papilio::factorize
