#include <complex>
#include <numeric>

#include "papilio/layers/factorize/hierarchical.h"

namespace papilio::factorize {
namespace {

// Somewhere in the middle, with bits of both kinds.
int64_t some(int64_t count) { return count * 5 / 8 | int64_t{count > 1}; }

template <class T>
double error_of_square(const KroneckerFactor& dense) {
  const int64_t n = dense.pattern.b;
  const Matrix<T> m{dense.values.data<T>(), n, n};
  return fit(m, butterfly_chain(n), {}).distance.relative();
}

}  // namespace

// Of the first split two slices: all blocks with one t2, whose columns are one matrix of the left
// factor, and all with one t1, whose rows are one of the right factor.
template <class T>
Distance sample_of_butterfly(const Matrix<T>& m, int64_t n) {
  const int64_t levels = static_cast<int64_t>(butterfly_chain(n).size());
  const int64_t high = int64_t{1} << levels / 2, low = n / high;
  std::vector<int64_t> rows, columns;
  for (int64_t r = 0; r < high; ++r) rows.push_back(m.row(r * low + some(low)));
  for (int64_t c = 0; c < low; ++c) {
    const int64_t j = some(high) * low + c;
    columns.push_back(m.column_order ? m.column_order[j] : j);
  }
  Matrix<T> across = m, along = m;
  across.row_order = rows.data();
  along.column_order = columns.data();
  along.order_size = low;
  const Split one = split(across, {1, high, high, 1}, {high, 1, low, 1});
  const Split other = split(along, {1, high, 1, low}, {1, low, low, 1});
  const double left = error_of_square<T>(one.left), right = error_of_square<T>(other.right);
  const double whole = one.whole + other.whole, lost = whole - one.kept - other.kept;
  return {std::max(0.0, lost) + (left * left + right * right) * whole, whole};
}

template Distance sample_of_butterfly(const Matrix<double>&, int64_t);
template Distance sample_of_butterfly(const Matrix<std::complex<double>>&, int64_t);

}  // namespace papilio::factorize
