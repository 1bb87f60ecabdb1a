// Vectors of a panel's columns, for the loops of pointwise_tiles.h. Compiled once for each SIMD
// target.

#if defined(PAPILIO_POINTWISE_PANELS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PAPILIO_POINTWISE_PANELS_INL_H_
#undef PAPILIO_POINTWISE_PANELS_INL_H_
#else
#define PAPILIO_POINTWISE_PANELS_INL_H_
#endif

#include <algorithm>

#include "papilio/core/kernels/parts-inl.h"
#include "papilio/core/kernels/pointwise_tiles.h"

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {

constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(hn::ScalableTag<float>()));
using Whole = HWY_CAPPED(float, kLanes);
using Half = HWY_CAPPED(float, std::max<int64_t>(kLanes / 2, 1));
using Quarter = HWY_CAPPED(float, std::max<int64_t>(kLanes / 4, 1));

// Sums of kPixels or kRows by up to three vectors stay in registers.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
constexpr int kPixels = 8, kRows = 8;  // of 32 registers
#else
constexpr int kPixels = 4, kRows = 4;  // of 16
#endif
constexpr int kVectors = 3;

// Calls run.operator()<tag, vectors, partial>() for the panel; a partial one is a vector that has
// more lanes than columns.
template <class Run>
HWY_INLINE void with_form(const Panel& panel, const Run& run) {
  if (panel.width == 3 * kLanes) return run.template operator()<Whole, 3, false>();
  if (panel.width == 2 * kLanes) return run.template operator()<Whole, 2, false>();
  const bool partial = panel.count < panel.width;
  const auto one = [&]<class D>(D) HWY_ATTR {
    partial ? run.template operator()<D, 1, true>() : run.template operator()<D, 1, false>();
  };
  if (panel.width == kLanes) return one(Whole());
  if (panel.width * 2 == kLanes) return one(Half());
  one(Quarter());
}

// The first `count` lanes, and zeros, by halves.
template <class D>
HWY_INLINE hn::Vec<D> load_part(D d, int64_t count, const float* from) {
#if HWY_TARGET == HWY_SCALAR
  return count > 0 ? hn::LoadU(d, from) : hn::Zero(d);
#else
  constexpr auto kAll = static_cast<int64_t>(hn::MaxLanes(D()));
  if constexpr (kAll == 1) {
    return count > 0 ? hn::LoadU(d, from) : hn::Zero(d);
  } else {
    const hn::Half<D> half;
    if (count * 2 <= kAll) return hn::ZeroExtendVector(d, load_part(half, count, from));
    return hn::Combine(d, load_part(half, count - kAll / 2, from + kAll / 2),
                       hn::LoadU(half, from));
  }
#endif
}

}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // PAPILIO_POINTWISE_PANELS_INL_H_
