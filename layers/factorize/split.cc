#include <algorithm>
#include <complex>
#include <numeric>

#include "papilio/core/kernels/rank_one.h"
#include "papilio/core/memory.h"
#include "papilio/core/threads.h"
#include "papilio/layers/factorize/hierarchical.h"
#include "papilio/layers/factorize/low_rank.h"

namespace papilio::factorize {
namespace {

using kernels::Energy;
using kernels::kPlanarPitch;
using kernels::PlanarBlock;

constexpr int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

// The product of `left` and `right` is, for each (alpha, delta) of the whole, a matrix whose
// entries [r t2_count + t2, t1 c + s] with the same t1 and t2 are a block of their own, of rank
// `rank`.
struct Layout {
  KroneckerPattern whole, left, right;
  int64_t rank, t1_count, t2_count;

  Layout(const KroneckerPattern& l, const KroneckerPattern& r)
      : whole(product_pattern(l, r)),
        left(l),
        right(r),
        rank(block_rank(l, r)),
        t1_count(r.a / l.a),
        t2_count(l.d / r.d) {}
};

// One unit of work: the blocks with the same alpha, delta and t2.
struct Unit {
  int64_t alpha, delta, t2;
};

// Blocks in planes, t1_count of them, and what rank_one() and low_rank() need beside.
template <class T>
class Blocks {
 public:
  static constexpr int64_t kParts = is_complex_type<T> ? 2 : 1;

  explicit Blocks(const Layout& layout, int64_t blocks)
      : at_(layout),
        rows_(round_up(at_.left.b, kernels::kPlanarRows)),
        pitch_(round_up(at_.right.c, kPlanarPitch)),
        stride_(kParts * rows_ * pitch_ + kPlanarPitch),
        planes_(bytes(blocks * stride_)),
        vectors_(bytes(kParts * (round_up(rows_, kPlanarPitch) + 2 * pitch_))),
        packed_(
            bytes(at_.rank > 1 ? kParts * (at_.left.b + at_.rank) * (at_.right.c + at_.rank) : 0)) {
    std::fill_n(planes_.as<double>(), blocks * stride_, 0.0);
  }

  double* re(int64_t block, int64_t row) const {
    return planes_.as<double>() + block * stride_ + row * pitch_;
  }
  double* im(int64_t block, int64_t row) const { return re(block, row) + rows_ * pitch_; }
  int64_t stride() const { return stride_; }

  // Approximates a block and writes the numbers to their places in both factors.
  Energy fit(int64_t block, int64_t t1, const Unit& unit, T* left, T* right) const {
    T* x =
        left +
        ((unit.alpha * at_.left.d + unit.t2 * at_.right.d + unit.delta) * at_.left.b) * at_.left.c +
        t1 * at_.rank;
    T* y = right +
           (((unit.alpha * at_.t1_count + t1) * at_.right.d + unit.delta) * at_.right.b + unit.t2) *
               at_.right.c;
    return at_.rank == 1 ? fit_rank_one(block, x, y) : fit_rank(block, x, y);
  }

 private:
  static size_t bytes(int64_t numbers) { return static_cast<size_t>(numbers) * sizeof(double); }

  static T number(const double* re, const double* im) {
    if constexpr (is_complex_type<T>)
      return {*re, *im};
    else
      return *re;
  }

  Energy fit_rank_one(int64_t block, T* x, T* y) const {
    double* v = vectors_.as<double>();
    double *work = v + kParts * pitch_, *u = work + kParts * pitch_;
    const PlanarBlock m{rows_, pitch_, re(block, 0), kParts == 2 ? im(block, 0) : nullptr};
    const Energy energy = kernels::rank_one(m, u, v, work);
    for (int64_t r = 0; r < at_.left.b; ++r) x[r * at_.left.c] = number(u + r, u + rows_ + r);
    for (int64_t c = 0; c < at_.right.c; ++c) y[c] = number(v + c, v + pitch_ + c);
    return energy;
  }

  Energy fit_rank(int64_t block, T* x, T* y) const {
    const int64_t b = at_.left.b, c = at_.right.c, rank = at_.rank;
    T* m = packed_.as<T>();
    T *u = m + b * c, *v = u + b * rank;
    for (int64_t r = 0; r < b; ++r)
      for (int64_t s = 0; s < c; ++s)
        m[r * c + s] = number(re(block, r) + s, kParts == 2 ? im(block, r) + s : nullptr);
    const Energy energy = low_rank(b, c, m, rank, u, v);
    for (int64_t r = 0; r < b; ++r) std::copy_n(u + r * rank, rank, x + r * at_.left.c);
    for (int64_t k = 0; k < rank; ++k) std::copy_n(v + k * c, c, y + k * at_.t2_count * c);
    return energy;
  }

  const Layout& at_;
  int64_t rows_, pitch_;
  int64_t stride_;  // of blocks; a line more than they have, so that they don't share cache sets
  Buffer planes_, vectors_, packed_;
};

// part_of(unit, r, t1s) says where in `reader` the parts t1s of row r of a unit's part of the whole
// stand: a pair of its row and RowPart.
template <class T, class PartOf>
Split split_blocks(const Layout& at, const RowReader<T>& reader, const PartOf& part_of) {
  constexpr int64_t kCache = int64_t{1} << 18;
  Split result{empty_factor(at.left, dtype_of<T>()), empty_factor(at.right, dtype_of<T>()), 0, 0};
  T *x = result.left.values.mutable_data<T>(), *y = result.right.values.mutable_data<T>();
  const std::vector<int64_t> order = reader.block_order(at.t1_count, at.right.c);
  const int64_t units = at.whole.a * at.whole.d * at.t2_count;
  const int64_t block_bytes = at.left.b * at.right.c * static_cast<int64_t>(sizeof(T));
  const int64_t together =
      reader.scattered() ? at.t1_count : std::clamp<int64_t>(kCache / block_bytes, 1, at.t1_count);
  std::vector<Energy> energies(static_cast<size_t>(units), Energy{0, 0});
  parallel_for(
      units,
      [&](int64_t begin, int64_t end) {
        const Blocks<T> blocks(at, together);
        const Buffer buffer = reader.buffer();
        for (int64_t u = begin; u < end; ++u) {
          const Unit unit{u / at.t2_count / at.whole.d, u / at.t2_count % at.whole.d,
                          u % at.t2_count};
          Energy& sum = energies[static_cast<size_t>(u)];
          for (int64_t first = 0; first < at.t1_count; first += together) {
            const int64_t count = std::min(together, at.t1_count - first);
            const std::span t1s(order.data() + first, static_cast<size_t>(count));
            for (int64_t r = 0; r < at.left.b; ++r) {
              const auto [row, part] = part_of(unit, r * at.t2_count + unit.t2, t1s);
              reader.load(row, part, buffer, blocks.re(0, r), blocks.im(0, r), blocks.stride());
            }
            for (int64_t k = 0; k < count; ++k) {
              const Energy energy = blocks.fit(k, t1s[static_cast<size_t>(k)], unit, x, y);
              sum.whole += energy.whole;
              sum.kept += energy.kept;
            }
          }
        }
      },
      std::max<int64_t>(1, (int64_t{1} << 20) / (block_bytes * at.t1_count)));
  for (const Energy& energy : energies) {
    result.whole += energy.whole;
    result.kept += energy.kept;
  }
  return result;
}

}  // namespace

template <class T>
Split split(const Matrix<T>& m, const KroneckerPattern& left, const KroneckerPattern& right) {
  const Layout at(left, right);
  return split_blocks(at, RowReader<T>(m),
                      [&](const Unit& unit, int64_t r, std::span<const int64_t> t1s) {
                        return std::pair((unit.alpha * at.whole.b + r) * at.whole.d + unit.delta,
                                         RowPart{unit.alpha * at.whole.c * at.whole.d + unit.delta,
                                                 at.whole.d, at.right.c, t1s});
                      });
}

template <class T>
Split split(const KroneckerFactor& f, const KroneckerPattern& left, const KroneckerPattern& right) {
  const Layout at(left, right);
  // All its blocks below one another.
  const Matrix<T> m{f.values.data<T>(), f.values.numel() / at.whole.c, at.whole.c};
  return split_blocks(at, RowReader<T>(m),
                      [&](const Unit& unit, int64_t r, std::span<const int64_t> t1s) {
                        return std::pair((unit.alpha * at.whole.d + unit.delta) * at.whole.b + r,
                                         RowPart{0, 1, at.right.c, t1s});
                      });
}

template Split split<double>(const Matrix<double>&, const KroneckerPattern&,
                             const KroneckerPattern&);
template Split split<std::complex<double>>(const Matrix<std::complex<double>>&,
                                           const KroneckerPattern&, const KroneckerPattern&);
template Split split<double>(const KroneckerFactor&, const KroneckerPattern&,
                             const KroneckerPattern&);
template Split split<std::complex<double>>(const KroneckerFactor&, const KroneckerPattern&,
                                           const KroneckerPattern&);

}  // namespace papilio::factorize
