#include "papilio/core/kernels/rank_one.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "papilio/core/kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "papilio/core/kernels/rank_one.cc"
#include "papilio/core/kernels/highway-inl.h"
#include "papilio/core/kernels/parts-inl.h"

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {

using D = HWY_CAPPED(double, kPlanarPitch);
using V = hn::Vec<D>;
constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(D()));
constexpr int kRows = kPlanarRows;

HWY_INLINE double total(V v) { return hn::GetLane(hn::SumOfLanes(D(), v)); }

double squares_of(int64_t count, const double* x) {
  double sum = 0;
  const D d;
  V s0 = hn::Zero(d), s1 = s0;
  int64_t at = 0;
  for (; at + 2 * kLanes <= count; at += 2 * kLanes) {
    const V a = hn::LoadU(d, x + at), b = hn::LoadU(d, x + at + kLanes);
    s0 = hn::MulAdd(a, a, s0);
    s1 = hn::MulAdd(b, b, s1);
  }
  for (; at < count; ++at) sum += x[at] * x[at];
  return sum + total(hn::Add(s0, s1));
}

double largest_of(int64_t count, const double* x) {
  const D d;
  V largest = hn::Zero(d), bad = hn::Zero(d);  // bad becomes NaN by inf * 0 and NaN * 0
  int64_t at = 0;
  for (; at + kLanes <= count; at += kLanes) {
    const V a = hn::LoadU(d, x + at);
    largest = hn::Max(hn::Abs(a), largest);
    bad = hn::MulAdd(a, hn::Zero(d), bad);
  }
  double result = hn::GetLane(hn::MaxOfLanes(d, largest)), rest = total(bad);
  for (; at < count; ++at) {
    result = std::max(result, std::abs(x[at]));
    rest += x[at] * 0;
  }
  return std::isfinite(rest) ? result : std::numeric_limits<double>::quiet_NaN();
}

// u[i] = sum of m[i][j] conj(v[j]) for kRows rows.
template <bool kComplex>
HWY_INLINE void dot_rows(const PlanarBlock& m, int64_t row, const double* v, double* u_re,
                         double* u_im) {
  const D d;
  V re[kRows], im[kRows];
  HWY_UNROLL(4)
  for (int i = 0; i < kRows; ++i) re[i] = im[i] = hn::Zero(d);
  const double* m_re = m.re + row * m.pitch;
  const double* m_im = kComplex ? m.im + row * m.pitch : nullptr;
  for (int64_t j = 0; j < m.pitch; j += kLanes) {
    const V v_re = hn::Load(d, v + j);
    V v_im{};
    if constexpr (kComplex) v_im = hn::Load(d, v + m.pitch + j);
    HWY_UNROLL(4)
    for (int i = 0; i < kRows; ++i) {
      const V a = hn::Load(d, m_re + i * m.pitch + j);
      re[i] = hn::MulAdd(a, v_re, re[i]);
      if constexpr (kComplex) {
        const V b = hn::Load(d, m_im + i * m.pitch + j);
        re[i] = hn::MulAdd(b, v_im, re[i]);
        im[i] = hn::MulAdd(b, v_re, hn::NegMulAdd(a, v_im, im[i]));
      }
    }
  }
  HWY_UNROLL(4)
  for (int i = 0; i < kRows; ++i) {
    u_re[i] = total(re[i]);
    if constexpr (kComplex) u_im[i] = total(im[i]);
  }
}

// w[j] += sum of conj(u[i]) m[i][j] over kRows rows.
template <bool kComplex>
HWY_INLINE void add_rows(const PlanarBlock& m, int64_t row, const double* u_re, const double* u_im,
                         double* w) {
  const D d;
  V x[kRows], y[kRows];
  HWY_UNROLL(4)
  for (int i = 0; i < kRows; ++i) {
    x[i] = hn::Set(d, u_re[i]);
    if constexpr (kComplex) y[i] = hn::Set(d, u_im[i]);
  }
  const double* m_re = m.re + row * m.pitch;
  const double* m_im = kComplex ? m.im + row * m.pitch : nullptr;
  for (int64_t j = 0; j < m.pitch; j += kLanes) {
    V re = hn::Load(d, w + j), im{};
    if constexpr (kComplex) im = hn::Load(d, w + m.pitch + j);
    HWY_UNROLL(4)
    for (int i = 0; i < kRows; ++i) {
      const V a = hn::Load(d, m_re + i * m.pitch + j);
      re = hn::MulAdd(a, x[i], re);
      if constexpr (kComplex) {
        const V b = hn::Load(d, m_im + i * m.pitch + j);
        re = hn::MulAdd(b, y[i], re);
        im = hn::MulAdd(b, x[i], hn::NegMulAdd(a, y[i], im));
      }
    }
    hn::Store(re, d, w + j);
    if constexpr (kComplex) hn::Store(im, d, w + m.pitch + j);
  }
}

template <bool kComplex>
Energy iterate(const PlanarBlock& m, double* u, double* v, double* w) {
  constexpr int kParts = kComplex ? 2 : 1, kSteps = 200;
  const int64_t vector = kParts * m.pitch;
  double whole = 0, longest = -1;
  int64_t first = 0;
  for (int64_t row = 0; row < m.rows; ++row) {
    double square = squares_of(m.pitch, m.re + row * m.pitch);
    if constexpr (kComplex) square += squares_of(m.pitch, m.im + row * m.pitch);
    whole += square;
    if (square > longest) longest = square, first = row;
  }
  // |M* u|^2, the square of that of a row, has to be a normal number: of one row in 10,000 too.
  if (!(whole > 1e-140)) {
    std::fill_n(u, kParts * m.rows, 0.0);
    std::fill_n(v, vector, 0.0);
    return {0, 0};
  }
  std::copy_n(m.re + first * m.pitch, m.pitch, w);
  if constexpr (kComplex) std::copy_n(m.im + first * m.pitch, m.pitch, w + m.pitch);
  double length_w = longest, length_u = 0, kept = 0;  // squared
  for (int step = 0; step < kSteps; ++step) {
    const double unit = 1 / std::sqrt(length_w);
    for (int64_t j = 0; j < vector; ++j) v[j] = w[j] * unit;
    std::fill_n(w, vector, 0.0);
    for (int64_t row = 0; row < m.rows; row += kRows) {
      dot_rows<kComplex>(m, row, v, u + row, u + m.rows + row);
      add_rows<kComplex>(m, row, u + row, u + m.rows + row, w);
    }
    length_u = squares_of(kParts * m.rows, u);
    length_w = squares_of(vector, w);
    kept = length_w / length_u;
    if (kept - length_u <= 1e-15 * kept) break;
  }
  // M ~ u (w / |u|^2), the best for this u.
  const double balance = std::sqrt(std::sqrt(length_w) / (length_u * std::sqrt(length_u)));
  for (int64_t i = 0; i < kParts * m.rows; ++i) u[i] *= balance;
  for (int64_t j = 0; j < vector; ++j) v[j] = w[j] / (length_u * balance);
  return {whole, kept};
}

Energy rank_one_of(const PlanarBlock& m, double* u, double* v, double* work) {
  return m.im ? iterate<true>(m, u, v, work) : iterate<false>(m, u, v, work);
}

double residual_of(int64_t count, int64_t rank, int64_t pitch, const double* a_re,
                   const double* a_im, const double* x_re, const double* x_im, const double* y_re,
                   const double* y_im) {
  double sum = 0;
  D whole;
  V sums = hn::Zero(whole);
  for_each_part<double>(count, [&](auto d, int64_t at) PAPILIO_PART {
    auto re = hn::LoadU(d, a_re + at), im = hn::Zero(d);
    if (a_im) im = hn::LoadU(d, a_im + at);
    for (int64_t k = 0; k < rank; ++k) {
      const auto x = hn::Set(d, x_re[k]), y = hn::LoadU(d, y_re + k * pitch + at);
      re = hn::NegMulAdd(x, y, re);
      if (a_im) {
        const auto xi = hn::Set(d, x_im[k]), yi = hn::LoadU(d, y_im + k * pitch + at);
        re = hn::MulAdd(xi, yi, re);
        im = hn::NegMulAdd(x, yi, hn::NegMulAdd(xi, y, im));
      }
    }
    const auto square = hn::MulAdd(re, re, hn::Mul(im, im));
    if constexpr (std::is_same_v<decltype(d), D>)
      sums = hn::Add(sums, square);
    else
      sum += hn::GetLane(hn::SumOfLanes(d, square));
  });
  return sum + total(sums);
}

void planes_of(int64_t count, const double* numbers, double scale, double* re, double* im) {
  for_each_part<double>(count, [&](auto d, int64_t at) PAPILIO_PART {
    hn::Vec<decltype(d)> a, b;
    hn::LoadInterleaved2(d, numbers + 2 * at, a, b);
    hn::StoreU(hn::Mul(a, hn::Set(d, scale)), d, re + at);
    hn::StoreU(hn::Mul(b, hn::Set(d, scale)), d, im + at);
  });
}

}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace papilio::kernels {

HWY_EXPORT(rank_one_of);
HWY_EXPORT(residual_of);
HWY_EXPORT(planes_of);
HWY_EXPORT(squares_of);
HWY_EXPORT(largest_of);

Energy rank_one(const PlanarBlock& m, double* u, double* v, double* work) {
  ensure_simd_target();
  return HWY_DYNAMIC_DISPATCH(rank_one_of)(m, u, v, work);
}

double residual(int64_t count, int64_t rank, int64_t pitch, const double* a_re, const double* a_im,
                const double* x_re, const double* x_im, const double* y_re, const double* y_im) {
  ensure_simd_target();
  return HWY_DYNAMIC_DISPATCH(residual_of)(count, rank, pitch, a_re, a_im, x_re, x_im, y_re, y_im);
}

void to_planes(int64_t count, const double* numbers, double scale, double* re, double* im) {
  ensure_simd_target();
  HWY_DYNAMIC_DISPATCH(planes_of)(count, numbers, scale, re, im);
}

double squares(int64_t count, const double* x) {
  ensure_simd_target();
  return HWY_DYNAMIC_DISPATCH(squares_of)(count, x);
}

double largest_finite(int64_t count, const double* x) {
  ensure_simd_target();
  return HWY_DYNAMIC_DISPATCH(largest_of)(count, x);
}

}  // namespace papilio::kernels
#endif
