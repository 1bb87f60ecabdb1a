// A row of numbers in vectors, and in smaller ones where it ends; what is done to vectors in many
// places. Compiled once for each SIMD target.

#if defined(PAPILIO_PARTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PAPILIO_PARTS_INL_H_
#undef PAPILIO_PARTS_INL_H_
#else
#define PAPILIO_PARTS_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "papilio/core/kernels/highway-inl.h"
#include "papilio/core/memory.h"

// A lambda that is compiled for the target of its surroundings, and inlined.
#undef PAPILIO_PART
#define PAPILIO_PART HWY_ATTR __attribute__((always_inline))

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// body(tag, first) for all of 0 .. count - 1: whole vectors, then a half, a quarter, single
// numbers.
template <class T, class Body>
HWY_INLINE void for_each_part(int64_t count, const Body& body) {
  constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(hn::ScalableTag<T>()));
  int64_t at = 0;
  const auto parts = [&](auto d) PAPILIO_PART {
    constexpr auto kSize = static_cast<int64_t>(hn::MaxLanes(d));
    for (; at + kSize <= count; at += kSize) body(d, at);
  };
  parts(HWY_CAPPED(T, kLanes)());
  if (at == count) return;
  parts(HWY_CAPPED(T, std::max<int64_t>(kLanes / 2, 1))());
  parts(HWY_CAPPED(T, std::max<int64_t>(kLanes / 4, 1))());
  parts(HWY_CAPPED(T, 1)());
}

// What a loop reads or writes so many numbers later may be asked for by memory::fetch(). The
// hardware guesses well at whole rows one after the other, where this only costs; it does not at
// pieces of rows, as of groups or of some columns.
constexpr int64_t kAhead = 1 << 12;

// max(v, 0); NaN stays NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V relu_of(D d, V v) {
#if HWY_TARGET == HWY_SCALAR
  return hn::IfThenZeroElse(hn::Lt(v, hn::Zero(d)), v);
#else
  return hn::Max(hn::Zero(d), v);  // in this order: of a NaN, x86 gives the second operand
#endif
}

}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // PAPILIO_PARTS_INL_H_
