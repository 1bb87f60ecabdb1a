#include "papilio/core/kernels/butterfly_misfit.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

#include "papilio/core/kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "papilio/core/kernels/butterfly_misfit.cc"
#include "papilio/core/kernels/highway-inl.h"
#include "papilio/core/kernels/parts-inl.h"

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {

template <class T>
using Half = typename ButterflyMisfit<T>::Half;
template <class T>
using State = typename ButterflyMisfit<T>::State;

template <class T>
struct Row {  // complex numbers, parts apart
  T *re, *im;
};

template <class T>
Row<T> row(Half<T>& half, int64_t level, int64_t butterfly, int64_t index, int64_t column = 0) {
  const int64_t at = ((butterfly * half.size() + index) << level) + column;
  return {half.re[level].data() + at, half.im[level].data() + at};
}

// body(butterfly, level, where the twiddle stands, upper row, lower row) for all 2 x 2 matrices of
// one level.
template <class T, class Body>
HWY_INLINE void for_each_pair(const Half<T>& half, int64_t n, int64_t level, const Body& body) {
  const int64_t stride = int64_t{1} << level;
  for (int64_t butterfly = 0; butterfly < half.count; ++butterfly)
    for (int64_t pair = 0; pair < half.size() / 2; ++pair) {
      const int64_t at = (half.first_level + level) * (n / 2) + butterfly * half.butterfly_step +
                         pair * half.pair_step;
      const int64_t upper = 2 * pair - pair % stride;
      body(butterfly, 8 * at, upper, upper + stride);
    }
}

// One more factor: columns that were in the upper half of a block come from its upper row.
template <class T>
void grow(Half<T>& half, int64_t n, int64_t level, const T* twiddle) {
  const int64_t width = int64_t{1} << level;
  const auto one = [&](int64_t butterfly, int64_t at, int64_t upper, int64_t lower) PAPILIO_PART {
    for (int64_t r = 0; r < 2; ++r)
      for (int64_t c = 0; c < 2; ++c) {
        const Row<T> x = row<T>(half, level, butterfly, c == 0 ? upper : lower);
        const Row<T> y = row<T>(half, level + 1, butterfly, r == 0 ? upper : lower, c * width);
        const T* t = twiddle + at + 2 * (2 * r + c);
        for_each_part<T>(width, [&](auto d, int64_t j) PAPILIO_PART {
          const auto re = hn::LoadU(d, x.re + j), im = hn::LoadU(d, x.im + j);
          const auto a = hn::Set(d, t[0]), b = hn::Set(d, t[1]);
          hn::StoreU(hn::NegMulAdd(b, im, hn::Mul(a, re)), d, y.re + j);
          hn::StoreU(hn::MulAdd(b, re, hn::Mul(a, im)), d, y.im + j);
        });
      }
  };
  for_each_pair<T>(half, n, level, one);
}

// sum over j of conj(x_j) g_j
template <class T>
HWY_INLINE void correlate(int64_t width, const Row<T>& x, const Row<T>& g, T* sum) {
  T re = 0, im = 0;
  for_each_part<T>(width, [&](auto d, int64_t j) PAPILIO_PART {
    const auto xr = hn::LoadU(d, x.re + j), xi = hn::LoadU(d, x.im + j);
    const auto gr = hn::LoadU(d, g.re + j), gi = hn::LoadU(d, g.im + j);
    re += hn::GetLane(hn::SumOfLanes(d, hn::MulAdd(xi, gi, hn::Mul(xr, gr))));
    im += hn::GetLane(hn::SumOfLanes(d, hn::NegMulAdd(xi, gr, hn::Mul(xr, gi))));
  });
  sum[0] = re;
  sum[1] = im;
}

// The gradient of grow(), by the twiddle and by what it grew from.
template <class T>
void grow_gradient(Half<T>& half, Half<T>& gradient, int64_t n, int64_t level, const T* twiddle,
                   T* grad_twiddle) {
  const int64_t width = int64_t{1} << level;
  const auto one = [&](int64_t butterfly, int64_t at, int64_t upper, int64_t lower) PAPILIO_PART {
    for (int64_t c = 0; c < 2; ++c) {
      const int64_t source = c == 0 ? upper : lower;
      const Row<T> x = row<T>(half, level, butterfly, source);
      const Row<T> gx = row<T>(gradient, level, butterfly, source);
      const Row<T> g0 = row<T>(gradient, level + 1, butterfly, upper, c * width);
      const Row<T> g1 = row<T>(gradient, level + 1, butterfly, lower, c * width);
      const T *t0 = twiddle + at + 2 * c, *t1 = t0 + 4;
      correlate<T>(width, x, g0, grad_twiddle + at + 2 * c);
      correlate<T>(width, x, g1, grad_twiddle + at + 2 * c + 4);
      for_each_part<T>(width, [&](auto d, int64_t j) PAPILIO_PART {
        const auto a0 = hn::Set(d, t0[0]), b0 = hn::Set(d, t0[1]);
        const auto a1 = hn::Set(d, t1[0]), b1 = hn::Set(d, t1[1]);
        const auto re0 = hn::LoadU(d, g0.re + j), im0 = hn::LoadU(d, g0.im + j);
        const auto re1 = hn::LoadU(d, g1.re + j), im1 = hn::LoadU(d, g1.im + j);
        const auto re = hn::MulAdd(b0, im0, hn::Mul(a0, re0));
        const auto im = hn::NegMulAdd(b0, re0, hn::Mul(a0, im0));
        hn::StoreU(hn::MulAdd(b1, im1, hn::MulAdd(a1, re1, re)), d, gx.re + j);
        hn::StoreU(hn::NegMulAdd(b1, re1, hn::MulAdd(a1, im1, im)), d, gx.im + j);
      });
    }
  };
  for_each_pair<T>(half, n, level, one);
}

// One segment of one row of B, in which it is (re, im) times a row x of the earlier product: adds
// to the squares of the difference, and to the gradient of x; the gradient of (re, im) is
// overwritten.
template <class T, bool kRealPart, class D>
HWY_INLINE void compare_segment(int64_t size, const T* re, const T* im, const Row<const T>& target,
                                const Row<const T>& x, const Row<T>& grad_x, T* grad_re, T* grad_im,
                                hn::Vec<D>& squares) {
  using V = hn::Vec<D>;
  const D d;
  const V a = hn::Set(d, *re), b = hn::Set(d, *im);
  V sum_re = hn::Zero(d), sum_im = hn::Zero(d);
  for (int64_t j = 0; j < size; j += static_cast<int64_t>(hn::Lanes(d))) {
    const V xr = hn::LoadU(d, x.re + j), xi = hn::LoadU(d, x.im + j);
    const V gr = hn::LoadU(d, grad_x.re + j), gi = hn::LoadU(d, grad_x.im + j);
    const V er = hn::NegMulAdd(b, xi, hn::MulSub(a, xr, hn::LoadU(d, target.re + j)));
    squares = hn::MulAdd(er, er, squares);
    sum_re = hn::MulAdd(er, xr, sum_re);
    if constexpr (kRealPart) {
      sum_im = hn::NegMulAdd(er, xi, sum_im);
      hn::StoreU(hn::MulAdd(a, er, gr), d, grad_x.re + j);
      hn::StoreU(hn::NegMulAdd(b, er, gi), d, grad_x.im + j);
    } else {
      const V ei = hn::MulAdd(b, xr, hn::MulSub(a, xi, hn::LoadU(d, target.im + j)));
      squares = hn::MulAdd(ei, ei, squares);
      sum_re = hn::MulAdd(ei, xi, sum_re);
      sum_im = hn::MulAdd(ei, xr, hn::NegMulAdd(er, xi, sum_im));
      hn::StoreU(hn::MulAdd(b, ei, hn::MulAdd(a, er, gr)), d, grad_x.re + j);
      hn::StoreU(hn::NegMulAdd(b, er, hn::MulAdd(a, ei, gi)), d, grad_x.im + j);
    }
  }
  *grad_re = hn::GetLane(hn::SumOfLanes(d, sum_re));
  *grad_im = hn::GetLane(hn::SumOfLanes(d, sum_im));
}

// Row r = r1 size + t2 of B is, in columns t1 size ... + size - 1, late[t2][r1][t1] times
// rows[t2][t1]: half of the gradients, and the sum of squares.
template <class T, bool kRealPart, class D>
double compare(State<T>& s) {
  const int64_t size = int64_t{1} << s.low, blocks = s.n / size;
  double loss = 0;
  for (int64_t t2 = 0; t2 < size; ++t2)
    for (int64_t r1 = 0; r1 < blocks; ++r1) {
      hn::Vec<D> squares = hn::Zero(D());
      for (int64_t t1 = 0; t1 < blocks; ++t1) {
        const int64_t factor = (t2 * blocks + r1) * blocks + t1;
        const int64_t x = (t2 * blocks + t1) * size;
        const int64_t target = (r1 * size + t2) * s.n + t1 * size;
        compare_segment<T, kRealPart, D>(
            size, s.late.re.back().data() + factor, s.late.im.back().data() + factor,
            {s.target_re.data() + target, s.target_im.data() + target},
            {s.rows_re.data() + x, s.rows_im.data() + x},
            {s.grad_rows_re.data() + x, s.grad_rows_im.data() + x},
            s.grad_late.re.back().data() + factor, s.grad_late.im.back().data() + factor, squares);
      }
      loss += hn::GetLane(hn::SumOfLanes(D(), squares));
    }
  return loss;
}

template <class T, bool kRealPart>
double compare(State<T>& s) {
  constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(hn::ScalableTag<T>()));
  const int64_t size = int64_t{1} << s.low;
  if (size >= kLanes) return compare<T, kRealPart, HWY_CAPPED(T, kLanes)>(s);
  if (size >= 4) return compare<T, kRealPart, HWY_CAPPED(T, 4)>(s);
  return compare<T, kRealPart, HWY_CAPPED(T, 1)>(s);
}

// Between [t1][t2][column], as the earlier products stand, and [t2][t1][column].
template <class T>
void reorder(const std::vector<T>& from, int64_t outer, int64_t inner, int64_t size,
             std::vector<T>& to) {
  for (int64_t i = 0; i < outer; ++i)
    for (int64_t j = 0; j < inner; ++j)
      std::copy_n(from.data() + (i * inner + j) * size, size, to.data() + (j * outer + i) * size);
}

template <class T>
double misfit(State<T>& s, const T* twiddle, T* gradient) {
  const int64_t size = int64_t{1} << s.low, blocks = s.n / size;
  for (int64_t k = 0; k < s.early.levels; ++k) grow<T>(s.early, s.n, k, twiddle);
  for (int64_t k = 0; k < s.late.levels; ++k) grow<T>(s.late, s.n, k, twiddle);
  reorder(s.early.re.back(), blocks, size, size, s.rows_re);
  reorder(s.early.im.back(), blocks, size, size, s.rows_im);
  std::ranges::fill(s.grad_rows_re, T{0});
  std::ranges::fill(s.grad_rows_im, T{0});
  const double loss = s.real_part ? compare<T, true>(s) : compare<T, false>(s);
  reorder(s.grad_rows_re, size, blocks, size, s.grad_early.re.back());
  reorder(s.grad_rows_im, size, blocks, size, s.grad_early.im.back());
  for (int64_t k = s.early.levels; k-- > 0;)
    grow_gradient<T>(s.early, s.grad_early, s.n, k, twiddle, gradient);
  for (int64_t k = s.late.levels; k-- > 0;)
    grow_gradient<T>(s.late, s.grad_late, s.n, k, twiddle, gradient);
  for (int64_t i = 0; i < s.levels * s.n * 4; ++i) gradient[i] *= 2;  // of the squares
  return loss;
}

double misfit_f32(State<float>& state, const float* twiddle, float* gradient) {
  return misfit(state, twiddle, gradient);
}
double misfit_f64(State<double>& state, const double* twiddle, double* gradient) {
  return misfit(state, twiddle, gradient);
}

}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace papilio::kernels {

HWY_EXPORT(misfit_f32);
HWY_EXPORT(misfit_f64);

namespace {

double misfit(ButterflyMisfit<float>::State& state, const float* twiddle, float* gradient) {
  return HWY_DYNAMIC_DISPATCH(misfit_f32)(state, twiddle, gradient);
}
double misfit(ButterflyMisfit<double>::State& state, const double* twiddle, double* gradient) {
  return HWY_DYNAMIC_DISPATCH(misfit_f64)(state, twiddle, gradient);
}

template <class T>
typename ButterflyMisfit<T>::Half with_arrays(typename ButterflyMisfit<T>::Half half) {
  for (int64_t k = 0; k <= half.levels; ++k) {
    half.re.emplace_back(static_cast<size_t>((half.count * half.size()) << k), T{0});
    half.im.emplace_back(static_cast<size_t>((half.count * half.size()) << k), T{0});
  }
  std::ranges::fill(half.re.front(), T{1});
  return half;
}

int64_t levels_of(int64_t n) {
  if (n < 2 || !std::has_single_bit(static_cast<uint64_t>(n)))
    throw std::invalid_argument("butterfly_misfit: n must be a power of two, and 2 at least");
  return std::countr_zero(static_cast<uint64_t>(n));
}

}  // namespace

template <class T>
ButterflyMisfit<T>::State::State(int64_t size, const std::complex<T>* target, bool real)
    : n(size),
      levels(levels_of(n)),
      low((levels + 1) / 2),
      real_part(real),
      early(with_arrays<T>({n >> low, low, 0, (int64_t{1} << low) / 2, 1, {}, {}})),
      late(with_arrays<T>({int64_t{1} << low, levels - low, low, 1, int64_t{1} << low, {}, {}})),
      grad_early(early),
      grad_late(late) {
  const auto entries = static_cast<size_t>(n * n), rows = static_cast<size_t>(n << low);
  target_re.resize(entries);
  target_im.resize(entries);
  for (size_t i = 0; i < entries; ++i)
    target_re[i] = target[i].real(), target_im[i] = target[i].imag();
  for (auto* vector : {&rows_re, &rows_im, &grad_rows_re, &grad_rows_im}) vector->resize(rows);
}

template <class T>
ButterflyMisfit<T>::ButterflyMisfit(int64_t n, const std::complex<T>* target, bool real_part)
    : state_(n, target, real_part) {
  ensure_simd_target();
}

template <class T>
double ButterflyMisfit<T>::operator()(const std::complex<T>* twiddle, std::complex<T>* gradient) {
  return misfit(state_, reinterpret_cast<const T*>(twiddle), reinterpret_cast<T*>(gradient));
}

template class ButterflyMisfit<float>;
template class ButterflyMisfit<double>;

}  // namespace papilio::kernels
#endif
