#include <complex>
#include <vector>

#include "papilio/layers/factorize/hierarchical.h"
#include "papilio/layers/factorize/low_rank.h"
#include "papilio/layers/factorize/scalar.h"

namespace papilio::factorize {
namespace {

// For every block of left * right calls body(x, y): x [rank] columns of left.b numbers, y [rank]
// rows of right.c, both packed as rows; then writes them back.
template <class T, class Body>
void for_each_block(KroneckerFactor& left, KroneckerFactor& right, const Body& body) {
  const KroneckerPattern &l = left.pattern, &r = right.pattern;
  const int64_t rank = block_rank(l, r), t1_count = r.a / l.a, t2_count = l.d / r.d;
  T *x = left.values.mutable_data<T>(), *y = right.values.mutable_data<T>();
  std::vector<T> columns(static_cast<size_t>(rank * l.b)), rows(static_cast<size_t>(rank * r.c));
  const auto copy = [&](int64_t alpha, int64_t d, int64_t t1, bool back) {
    T* from = x + (alpha * l.d + d) * l.b * l.c + t1 * rank;
    for (int64_t k = 0; k < rank; ++k)
      for (int64_t i = 0; i < l.b; ++i)
        (back ? from[i * l.c + k] : columns[k * l.b + i]) =
            back ? columns[k * l.b + i] : from[i * l.c + k];
    from = y + (((alpha * t1_count + t1) * r.d + d % r.d) * r.b + d / r.d) * r.c;
    for (int64_t k = 0; k < rank; ++k)
      for (int64_t j = 0; j < r.c; ++j)
        (back ? from[k * t2_count * r.c + j] : rows[k * r.c + j]) =
            back ? rows[k * r.c + j] : from[k * t2_count * r.c + j];
  };
  for (int64_t alpha = 0; alpha < l.a; ++alpha)
    for (int64_t d = 0; d < l.d; ++d)
      for (int64_t t1 = 0; t1 < t1_count; ++t1) {
        copy(alpha, d, t1, false);
        body(columns, rows);
        copy(alpha, d, t1, true);
      }
}

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

}  // namespace

template <class T>
void orthonormalise_left(KroneckerFactor& left, KroneckerFactor& right) {
  const int64_t rank = block_rank(left.pattern, right.pattern);
  for_each_block<T>(left, right, [rank](auto& x, auto& y) { move_weight(rank, x, y); });
}
template <class T>
void orthonormalise_right(KroneckerFactor& left, KroneckerFactor& right) {
  const int64_t rank = block_rank(left.pattern, right.pattern);
  for_each_block<T>(left, right, [rank](auto& x, auto& y) { move_weight(rank, y, x); });
}

template void orthonormalise_left<double>(KroneckerFactor&, KroneckerFactor&);
template void orthonormalise_left<std::complex<double>>(KroneckerFactor&, KroneckerFactor&);
template void orthonormalise_right<double>(KroneckerFactor&, KroneckerFactor&);
template void orthonormalise_right<std::complex<double>>(KroneckerFactor&, KroneckerFactor&);

}  // namespace papilio::factorize
