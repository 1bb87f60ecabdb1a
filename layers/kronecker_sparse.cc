#include "papilio/layers/kronecker_sparse.h"

#include <algorithm>
#include <cmath>
#include <complex>

#include "papilio/core/error.h"
#include "papilio/layers/factorize/hierarchical.h"
#include "papilio/layers/factorize/scalar.h"
#include "papilio/layers/twiddle.h"

namespace papilio {
namespace {

void check_pattern(const KroneckerPattern& p) {
  check(p.a >= 1 && p.b >= 1 && p.c >= 1 && p.d >= 1, "Kronecker-sparse pattern ", text(p),
        ": all four numbers are at least 1");
}

void check_chain(const std::vector<KroneckerPattern>& chain) {
  check(!chain.empty(), "fit_kronecker_sparse: the chain has no patterns; give at least one");
  for (const KroneckerPattern& p : chain) check_pattern(p);
  for (size_t l = 0; l + 1 < chain.size(); ++l) block_rank(chain[l], chain[l + 1]);
}

template <class T>
void multiply_into(const KroneckerFactor& left, const KroneckerFactor& right, T* z) {
  const KroneckerPattern &l = left.pattern, &r = right.pattern;
  const int64_t rank = block_rank(l, r), t1_count = r.a / l.a, t2_count = l.d / r.d;
  const T *x = left.values.data<T>(), *y = right.values.data<T>();
  for (int64_t alpha = 0; alpha < l.a; ++alpha)
    for (int64_t delta = 0; delta < r.d; ++delta)
      for (int64_t row = 0; row < l.b * t2_count; ++row) {
        const int64_t t2 = row % t2_count;
        const T* from = x + ((alpha * l.d + t2 * r.d + delta) * l.b + row / t2_count) * l.c;
        for (int64_t t1 = 0; t1 < t1_count; ++t1, z += r.c) {
          std::fill_n(z, r.c, T(0));
          for (int64_t k = 0; k < rank; ++k) {
            const T factor = from[t1 * rank + k];
            const T* add =
                y + (((alpha * t1_count + t1) * r.d + delta) * r.b + k * t2_count + t2) * r.c;
            for (int64_t s = 0; s < r.c; ++s) z[s] += factorize::product(factor, add[s]);
          }
        }
      }
}

template <class T>
KroneckerFit fit_of(const Tensor& matrix, const std::vector<KroneckerPattern>& chain,
                    const FitOptions& options) {
  const int64_t rows = matrix.dim(0), columns = matrix.dim(1);
  const T* data = matrix.data<T>();
  factorize::Matrix<T> m{data, rows, columns};
  m.scale = factorize::scale_of("fit_kronecker_sparse", rows, columns, data);
  factorize::Fit fit = factorize::fit(m, chain, options);
  const auto splits = static_cast<double>(chain.size() - 1);
  const double bound =
      options.left_to_right ? std::max(1.0, std::sqrt(splits)) : std::max(1.0, splits);
  return {std::move(fit.factors), fit.distance.relative(),
          factorize::lower_bound(fit.distance, fit.kept), options.orthonormal ? bound : 0};
}

void check_values(const KroneckerFactor& factor) {
  const auto [a, b, c, d] = factor.pattern;
  check(factor.values.defined() && factor.values.shape() == Shape{a, d, b, c},
        "a Kronecker-sparse factor of pattern ", text(factor.pattern), " has values ",
        factor.values, "; expected [", a, ", ", d, ", ", b, ", ", c, "]");
}

}  // namespace

std::string text(const KroneckerPattern& p) {
  return concat("(", p.a, ", ", p.b, ", ", p.c, ", ", p.d, ")");
}

int64_t block_rank(const KroneckerPattern& l, const KroneckerPattern& r) {
  const int64_t repeats = r.a % l.a == 0 ? r.a / l.a : 0,
                interleaved = l.d % r.d == 0 ? l.d / r.d : 0;
  check(repeats > 0 && interleaved > 0 && l.c % repeats == 0 && r.b % interleaved == 0 &&
            l.c / repeats == r.b / interleaved,
        "Kronecker-sparse patterns ", text(l), " and ", text(r),
        " are not chainable: a | a', d' | d and a c / a' = b' d' / d have to hold");
  return l.c / repeats;
}

KroneckerPattern product_pattern(const KroneckerPattern& l, const KroneckerPattern& r) {
  block_rank(l, r);
  return {l.a, l.b * (l.d / r.d), r.a / l.a * r.c, r.d};
}

std::vector<KroneckerPattern> radix_chain(const std::vector<int64_t>& rows,
                                          const std::vector<int64_t>& columns, int64_t rank) {
  check(!rows.empty() && rows.size() == columns.size(), "radix_chain: ", rows.size(), " and ",
        columns.size(), " radices; give the same number for rows and columns, at least one");
  std::vector<KroneckerPattern> chain;
  int64_t before = 1, behind = 1;
  for (const int64_t radix : rows) behind *= radix;
  for (size_t l = 0; l < rows.size(); ++l) {
    check(rows[l] >= 1 && columns[l] >= 1 && rank >= 1, "radix_chain: radices ", rows[l], " and ",
          columns[l], ", rank ", rank, "; all are at least 1");
    behind /= rows[l];
    chain.push_back({before, rows[l] * (l > 0 ? rank : 1),
                     columns[l] * (l + 1 < rows.size() ? rank : 1), behind});
    before *= columns[l];
  }
  return chain;
}

std::vector<KroneckerPattern> butterfly_chain(int64_t n) {
  check(n >= 2, "butterfly_chain: n = ", n, "; a power of two of at least 2 has a chain");
  const std::vector<int64_t> twos(static_cast<size_t>(log2_exact(n)), 2);
  return radix_chain(twos, twos);
}

KroneckerFactor multiply(const KroneckerFactor& left, const KroneckerFactor& right) {
  check_values(left), check_values(right);
  check(left.values.dtype() == right.values.dtype(), "multiply: factors of ",
        text(left.values.dtype()), " and ", text(right.values.dtype()), "; give both one dtype");
  const KroneckerPattern whole = product_pattern(left.pattern, right.pattern);
  KroneckerFactor result{whole, Tensor({whole.a, whole.d, whole.b, whole.c}, left.values.dtype())};
  dispatch_floating(left.values.dtype(), "multiply", [&]<class T>() {
    if constexpr (std::is_same_v<real_type<T>, double>)
      multiply_into(left, right, result.values.mutable_data<T>());
    else
      fail("multiply: factors are f64 or c128, not ", text(dtype_of<T>()));
  });
  return result;
}

Tensor dense_matrix(const std::vector<KroneckerFactor>& factors) {
  check(!factors.empty(), "dense_matrix: no factors; give at least one");
  check_values(factors.front());
  KroneckerFactor whole = factors.front();
  for (size_t l = 1; l < factors.size(); ++l) whole = multiply(whole, factors[l]);
  const KroneckerPattern& p = whole.pattern;
  Tensor result = Tensor::zeros({p.rows(), p.columns()}, whole.values.dtype());
  dispatch_floating(result.dtype(), "dense_matrix", [&]<class T>() {
    const T* value = whole.values.data<T>();
    T* to = result.mutable_data<T>();
    for (int64_t alpha = 0; alpha < p.a; ++alpha)
      for (int64_t delta = 0; delta < p.d; ++delta)
        for (int64_t r = 0; r < p.b; ++r)
          for (int64_t s = 0; s < p.c; ++s)
            to[((alpha * p.b + r) * p.d + delta) * p.columns() + (alpha * p.c + s) * p.d + delta] =
                *value++;
  });
  return result;
}

KroneckerFit fit_kronecker_sparse(const Tensor& matrix, const std::vector<KroneckerPattern>& chain,
                                  const FitOptions& options) {
  check_chain(chain);
  const int64_t rows = chain.front().rows(), columns = chain.back().columns();
  check(matrix.rank() == 2 && matrix.dim(0) == rows && matrix.dim(1) == columns,
        "fit_kronecker_sparse: matrix ", matrix, ", but the product of ", text(chain.front()),
        " to ", text(chain.back()), " is [", rows, ", ", columns, "]");
  const Tensor values = factorize::in_double(matrix);
  return is_complex(values.dtype()) ? fit_of<std::complex<double>>(values, chain, options)
                                    : fit_of<double>(values, chain, options);
}

}  // namespace papilio
