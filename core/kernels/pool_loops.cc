#include "papilio/core/kernels/pool_loops.h"

#include "papilio/core/kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "papilio/core/kernels/pool_loops.cc"
#include "papilio/core/kernels/highway-inl.h"
#include "papilio/core/kernels/parts-inl.h"

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {

// visit(row of x, first number of the pixel in it) for the rectangle of pixel w.
template <class T, class Visit>
HWY_INLINE void for_each_source(const PoolRow<T>& r, int64_t w, const Visit& visit) {
  const Span columns = r.columns[w];
  for (int64_t i = 0; i < r.rows; ++i)
    for (int64_t j = columns.first; j < columns.end; ++j) visit(i, j);
}

template <class T>
void pool_sum(const PoolRow<T>& r, T factor, T* y) {
  for (int64_t w = 0; w < r.width; ++w, y += r.channels)
    for_each_part<T>(r.channels, [&](auto d, int64_t c) PAPILIO_PART {
      auto sum = hn::Zero(d);
      for_each_source(r, w, [&](int64_t i, int64_t j) PAPILIO_PART {
        sum = hn::Add(sum, hn::LoadU(d, r.x[i] + j * r.channels + c));
      });
      hn::StoreU(hn::Mul(sum, hn::Set(d, factor)), d, y + c);
    });
}

// As many indices as numbers, so that a comparison of one selects the other.
template <class D>
using Indices = hn::Rebind<int32_t, D>;

void largest_f32(const PoolRow<float>& r, float* y, int32_t* place) {
  for (int64_t w = 0; w < r.width; ++w, y += r.channels) {
    for_each_part<float>(r.channels, [&](auto d, int64_t c) PAPILIO_PART {
      const Indices<decltype(d)> di;
      const int64_t first = r.columns[w].first;
      auto best = hn::LoadU(d, r.x[0] + first * r.channels + c);
      auto best_place = hn::Set(di, static_cast<int32_t>(r.first_place + first));
      for_each_source(r, w, [&](int64_t i, int64_t j) PAPILIO_PART {
        const auto v = hn::LoadU(d, r.x[i] + j * r.channels + c);
        const auto larger = hn::Or(hn::Gt(v, best), hn::IsNaN(v));
        best = hn::IfThenElse(larger, v, best);
        const auto here = hn::Set(di, static_cast<int32_t>(r.first_place + i * r.place_step + j));
        best_place = hn::IfThenElse(hn::RebindMask(di, larger), here, best_place);
      });
      hn::StoreU(best, d, y + c);
      if (place) hn::StoreU(best_place, di, place + w * r.channels + c);
    });
  }
}

void sum_where_f32(const PoolRow<float>& r, int64_t place, float* y) {
  for (int64_t w = 0; w < r.width; ++w, y += r.channels)
    for_each_part<float>(r.channels, [&](auto d, int64_t c) PAPILIO_PART {
      const Indices<decltype(d)> di;
      const auto wanted = hn::Set(di, static_cast<int32_t>(place + w));
      auto sum = hn::Zero(d);
      for_each_source(r, w, [&](int64_t i, int64_t j) PAPILIO_PART {
        const int64_t at = j * r.channels + c;
        const auto here = hn::RebindMask(d, hn::Eq(hn::LoadU(di, r.places[i] + at), wanted));
        sum = hn::Add(sum, hn::IfThenElseZero(here, hn::LoadU(d, r.x[i] + at)));
      });
      hn::StoreU(sum, d, y + c);
    });
}

// Doubles have half as many lanes as indices; they are for checks, and run plainly.
void largest_f64(const PoolRow<double>& r, double* y, int32_t* place) {
  for (int64_t w = 0; w < r.width; ++w)
    for (int64_t c = 0; c < r.channels; ++c) {
      const int64_t to = w * r.channels + c, first = r.columns[w].first;
      double best = r.x[0][first * r.channels + c];
      int64_t best_place = r.first_place + first;
      for_each_source(r, w, [&](int64_t i, int64_t j) HWY_ATTR {
        const double v = r.x[i][j * r.channels + c];
        if (!(v > best || v != v)) return;
        best = v;
        best_place = r.first_place + i * r.place_step + j;
      });
      y[to] = best;
      if (place) place[to] = static_cast<int32_t>(best_place);
    }
}
void sum_where_f64(const PoolRow<double>& r, int64_t place, double* y) {
  for (int64_t w = 0; w < r.width; ++w)
    for (int64_t c = 0; c < r.channels; ++c) {
      double& sum = y[w * r.channels + c] = 0;
      for_each_source(r, w, [&](int64_t i, int64_t j) HWY_ATTR {
        const int64_t at = j * r.channels + c;
        if (r.places[i][at] == place + w) sum += r.x[i][at];
      });
    }
}

PoolLoops<float> pool_loops_f32() {
  return {.sum = pool_sum<float>, .largest = largest_f32, .sum_where = sum_where_f32};
}
PoolLoops<double> pool_loops_f64() {
  return {.sum = pool_sum<double>, .largest = largest_f64, .sum_where = sum_where_f64};
}

}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace papilio::kernels {

HWY_EXPORT(pool_loops_f32);
HWY_EXPORT(pool_loops_f64);

template <>
PoolLoops<float> pool_loops() {
  ensure_simd_target();
  return HWY_DYNAMIC_DISPATCH(pool_loops_f32)();
}
template <>
PoolLoops<double> pool_loops() {
  ensure_simd_target();
  return HWY_DYNAMIC_DISPATCH(pool_loops_f64)();
}

}  // namespace papilio::kernels
#endif
