#include <algorithm>
#include <cmath>
#include <complex>
#include <vector>

#include "papilio/core/threads.h"
#include "papilio/layers/factorize/hierarchical.h"
#include "papilio/layers/factorize/low_rank.h"
#include "papilio/layers/factorize/scalar.h"

namespace papilio::factorize {
namespace {

// A block of left * right: `rank` columns of b numbers and as many rows of c numbers.
template <class T>
struct Block {
  T *x, *y;
  int64_t b, c, x_stride, y_stride;  // between the numbers of a column; between rows

  // In rows of their own, and back.
  void load(int64_t rank, std::vector<T>& columns, std::vector<T>& rows) const {
    for (int64_t k = 0; k < rank; ++k) {
      for (int64_t i = 0; i < b; ++i) columns[k * b + i] = x[i * x_stride + k];
      for (int64_t j = 0; j < c; ++j) rows[k * c + j] = y[k * y_stride + j];
    }
  }
  void store(int64_t rank, const std::vector<T>& columns, const std::vector<T>& rows) const {
    for (int64_t k = 0; k < rank; ++k) {
      for (int64_t i = 0; i < b; ++i) x[i * x_stride + k] = columns[k * b + i];
      for (int64_t j = 0; j < c; ++j) y[k * y_stride + j] = rows[k * c + j];
    }
  }
  // Of rank one.
  void move_weight(bool left) const {
    double squares = 0;
    if (left)
      for (int64_t i = 0; i < b; ++i) squares += abs2(x[i * x_stride]);
    else
      for (int64_t j = 0; j < c; ++j) squares += abs2(y[j]);
    if (!(squares > 0)) return;
    const double norm = left ? std::sqrt(squares) : 1 / std::sqrt(squares);
    for (int64_t i = 0; i < b; ++i) x[i * x_stride] /= norm;
    for (int64_t j = 0; j < c; ++j) y[j] *= norm;
  }
};

// `ones` becomes orthonormal; what it loses goes into `others`: the sum over i of one_i other_i
// stays.
template <class T>
void move_weight(int64_t rank, std::vector<T>& ones, std::vector<T>& others) {
  const int64_t length = static_cast<int64_t>(ones.size()) / rank,
                width = static_cast<int64_t>(others.size()) / rank;
  std::vector<T> r(static_cast<size_t>(rank * rank));
  orthonormalise_rows(rank, length, ones.data(), r.data());
  std::vector<T> moved(others.size(), T(0));
  for (int64_t i = 0; i < rank; ++i)
    for (int64_t k = 0; k <= i; ++k)
      for (int64_t j = 0; j < width; ++j)
        moved[k * width + j] += product(r[i * rank + k], others[i * width + j]);
  others = std::move(moved);
}

template <class T>
void move_weights(KroneckerFactor& left, KroneckerFactor& right, bool to_right) {
  const KroneckerPattern &l = left.pattern, &r = right.pattern;
  const int64_t rank = block_rank(l, r), t1_count = r.a / l.a, t2_count = l.d / r.d;
  T *x = left.values.mutable_data<T>(), *y = right.values.mutable_data<T>();
  parallel_for(
      l.a * l.d,
      [&](int64_t begin, int64_t end) {
        std::vector<T> columns(static_cast<size_t>(rank * l.b)),
            rows(static_cast<size_t>(rank * r.c));
        for (int64_t u = begin; u < end; ++u)
          for (int64_t t1 = 0; t1 < t1_count; ++t1) {
            const int64_t alpha = u / l.d, d = u % l.d;
            const int64_t row = ((alpha * t1_count + t1) * r.d + d % r.d) * r.b + d / r.d;
            const Block<T> block{
                x + u * l.b * l.c + t1 * rank, y + row * r.c, l.b, r.c, l.c, t2_count * r.c};
            if (rank == 1) {
              block.move_weight(to_right);
              continue;
            }
            block.load(rank, columns, rows);
            to_right ? move_weight(rank, columns, rows) : move_weight(rank, rows, columns);
            block.store(rank, columns, rows);
          }
      },
      std::max<int64_t>(1, (int64_t{1} << 16) / (t1_count * (l.b + r.c))));
}

}  // namespace

template <class T>
void orthonormalise_left(KroneckerFactor& left, KroneckerFactor& right) {
  move_weights<T>(left, right, true);
}
template <class T>
void orthonormalise_right(KroneckerFactor& left, KroneckerFactor& right) {
  move_weights<T>(left, right, false);
}

template void orthonormalise_left<double>(KroneckerFactor&, KroneckerFactor&);
template void orthonormalise_left<std::complex<double>>(KroneckerFactor&, KroneckerFactor&);
template void orthonormalise_right<double>(KroneckerFactor&, KroneckerFactor&);
template void orthonormalise_right<std::complex<double>>(KroneckerFactor&, KroneckerFactor&);

}  // namespace papilio::factorize
