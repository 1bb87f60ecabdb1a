// Vectors of real and complex numbers for the butterfly kernels. Compiled once for each SIMD
// target.
//
// A complex vector is two registers, real and imaginary parts. One vector in memory is a "slot":
// kSlot reals, the real parts before the imaginary ones.
//
// Long because real and complex vectors have the same members.

#if defined(PAPILIO_BUTTERFLY_VECTORS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PAPILIO_BUTTERFLY_VECTORS_INL_H_
#undef PAPILIO_BUTTERFLY_VECTORS_INL_H_
#else
#define PAPILIO_BUTTERFLY_VECTORS_INL_H_
#endif

#include <complex>
#include <utility>

#include "papilio/core/kernels/highway-inl.h"

// A lambda that is compiled for the target of its surroundings, and inlined.
#define PAPILIO_INLINE_LAMBDA HWY_ATTR __attribute__((always_inline))

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// body(std::integral_constant<int, 0>), body(1), ... body(kCount - 1), without a loop: what indexes
// arrays of registers has to be a constant.
template <class Body, int... kIndex>
HWY_INLINE void unroll_over(std::integer_sequence<int, kIndex...>, Body&& body) {
  (body(std::integral_constant<int, kIndex>()), ...);
}
template <int kCount, class Body>
HWY_INLINE void unroll(Body&& body) {
  unroll_over(std::make_integer_sequence<int, kCount>(), body);
}

template <class R>
using Tag = hn::ScalableTag<R>;
template <class R>
using Reg = hn::Vec<Tag<R>>;

// ---------------------------------------------------------------- lane exchanges

// As pairs (a[0], b[0]), (a[1], b[1]), ... in a row: the first half in a, the second half in b.
// Undone by split_pairs.
template <class R>
HWY_INLINE void join_pairs([[maybe_unused]] Reg<R>& a, [[maybe_unused]] Reg<R>& b) {
#if HWY_TARGET != HWY_SCALAR
  const Tag<R> d;
  const Reg<R> lower = hn::InterleaveLower(d, a, b), upper = hn::InterleaveUpper(d, a, b);
#if HWY_TARGET == HWY_AVX3
  alignas(64) static constexpr uint64_t kLow[8] = {0, 1, 8, 9, 2, 3, 10, 11};
  alignas(64) static constexpr uint64_t kHigh[8] = {4, 5, 12, 13, 6, 7, 14, 15};
  const Tag<double> d64;
  const auto l = hn::BitCast(d64, lower), u = hn::BitCast(d64, upper);
  a = hn::BitCast(d, Reg<double>{_mm512_permutex2var_pd(l.raw, _mm512_load_si512(kLow), u.raw)});
  b = hn::BitCast(d, Reg<double>{_mm512_permutex2var_pd(l.raw, _mm512_load_si512(kHigh), u.raw)});
#elif HWY_TARGET == HWY_AVX2
  a = hn::ConcatLowerLower(d, upper, lower);
  b = hn::ConcatUpperUpper(d, upper, lower);
#else
  static_assert(sizeof(a) == 16);
  a = lower;
  b = upper;
#endif
#endif
}

template <class R>
HWY_INLINE void split_pairs([[maybe_unused]] Reg<R>& a, [[maybe_unused]] Reg<R>& b) {
#if HWY_TARGET != HWY_SCALAR
  const Tag<R> d;
  const Reg<R> even = hn::ConcatEven(d, b, a), odd = hn::ConcatOdd(d, b, a);
  a = even;
  b = odd;
#endif
}

// Lane p of the result is lane p XOR kDistance of v.
template <class R, int kDistance>
HWY_INLINE Reg<R> swap_lanes(Reg<R> v) {
#if HWY_TARGET == HWY_SCALAR
  return v;
#else
  const Tag<R> d;
  constexpr int kBytes = kDistance * sizeof(R);
  if constexpr (kBytes == 4) {
    return hn::Shuffle2301(v);
  } else if constexpr (kBytes == 8) {
    const hn::Repartition<double, Tag<R>> d64;
    return hn::BitCast(d, hn::Shuffle01(hn::BitCast(d64, v)));
  } else if constexpr (2 * kBytes == sizeof(v)) {
    return hn::ConcatLowerUpper(d, v, v);
  } else {
    static_assert(kBytes == 16);
    return hn::SwapAdjacentBlocks(v);
  }
#endif
}

// ---------------------------------------------------------------- vectors of numbers

template <class T>
struct Numbers {
  using Real = T;
  using V = Reg<T>;
  static constexpr int kPlanes = 1, kLanes = hn::MaxLanes(Tag<T>()), kSlot = kLanes;
  V re;

  static HWY_INLINE Numbers zero() { return {hn::Zero(Tag<T>())}; }
  static HWY_INLINE Numbers broadcast(const T* number) { return {hn::Set(Tag<T>(), *number)}; }
  static HWY_INLINE Numbers load(const T* slot) { return {hn::LoadU(Tag<T>(), slot)}; }
  HWY_INLINE void store(T* slot) const { hn::StoreU(re, Tag<T>(), slot); }
  // The same for numbers as they stand in the caller's arrays.
  static HWY_INLINE Numbers load_array(const T* p) { return load(p); }
  HWY_INLINE void store_array(T* p) const { store(p); }
  HWY_INLINE void stream_array(T* p) const { hn::Stream(re, Tag<T>(), p); }

  // Four vectors from kLanes consecutive 2 x 2 matrices of the caller.
  static HWY_INLINE void load_matrices(const T* p, Numbers (&t)[4]) {
    if constexpr (kLanes == 1) unroll<4>([&](auto i) PAPILIO_INLINE_LAMBDA { t[i] = load(p + i); });
#if HWY_TARGET != HWY_SCALAR
    else
      hn::LoadInterleaved4(Tag<T>(), p, t[0].re, t[1].re, t[2].re, t[3].re);
#endif
  }
  static HWY_INLINE void store_matrices(const Numbers (&t)[4], T* p) {
    if constexpr (kLanes == 1) unroll<4>([&](auto i) PAPILIO_INLINE_LAMBDA { t[i].store(p + i); });
#if HWY_TARGET != HWY_SCALAR
    else
      hn::StoreInterleaved4(t[0].re, t[1].re, t[2].re, t[3].re, Tag<T>(), p);
#endif
  }

  template <int kDistance>
  HWY_INLINE Numbers swap() const {
    return {swap_lanes<T, kDistance>(re)};
  }
};

template <class R>
struct Numbers<std::complex<R>> {
  using Real = R;
  using V = Reg<R>;
  static constexpr int kPlanes = 2, kLanes = hn::MaxLanes(Tag<R>()), kSlot = 2 * kLanes;
  V re, im;

  static HWY_INLINE Numbers zero() { return {hn::Zero(Tag<R>()), hn::Zero(Tag<R>())}; }
  static HWY_INLINE Numbers broadcast(const R* number) {
    return {hn::Set(Tag<R>(), number[0]), hn::Set(Tag<R>(), number[1])};
  }
  static HWY_INLINE Numbers load(const R* slot) {
    return {hn::LoadU(Tag<R>(), slot), hn::LoadU(Tag<R>(), slot + kLanes)};
  }
  HWY_INLINE void store(R* slot) const {
    hn::StoreU(re, Tag<R>(), slot);
    hn::StoreU(im, Tag<R>(), slot + kLanes);
  }
  static HWY_INLINE Numbers load_array(const R* p) {
    Numbers v = load(p);
    split_pairs<R>(v.re, v.im);
    return v;
  }
  HWY_INLINE void store_array(R* p) const {
    Numbers v = *this;
    join_pairs<R>(v.re, v.im);
    v.store(p);
  }
  HWY_INLINE void stream_array(R* p) const {
    Numbers v = *this;
    join_pairs<R>(v.re, v.im);
    hn::Stream(v.re, Tag<R>(), p);
    hn::Stream(v.im, Tag<R>(), p + kLanes);
  }

  static HWY_INLINE void load_matrices(const R* p, Numbers (&t)[4]) {
    if constexpr (kLanes == 1)
      unroll<4>([&](auto i) PAPILIO_INLINE_LAMBDA { t[i] = load(p + 2 * i); });
#if HWY_TARGET != HWY_SCALAR
    else {
      V a[4], b[4];  // re 00 with re 10, im 00 with im 10, re 01 with re 11, im 01 with im 11
      hn::LoadInterleaved4(Tag<R>(), p, a[0], a[1], a[2], a[3]);
      hn::LoadInterleaved4(Tag<R>(), p + 4 * kLanes, b[0], b[1], b[2], b[3]);
      unroll<4>([&](auto i) PAPILIO_INLINE_LAMBDA { split_pairs<R>(a[i], b[i]); });
      t[0] = {a[0], a[1]}, t[1] = {a[2], a[3]};
      t[2] = {b[0], b[1]}, t[3] = {b[2], b[3]};
    }
#endif
  }
  static HWY_INLINE void store_matrices(const Numbers (&t)[4], R* p) {
    if constexpr (kLanes == 1)
      unroll<4>([&](auto i) PAPILIO_INLINE_LAMBDA { t[i].store(p + 2 * i); });
#if HWY_TARGET != HWY_SCALAR
    else {
      V a[4] = {t[0].re, t[0].im, t[1].re, t[1].im}, b[4] = {t[2].re, t[2].im, t[3].re, t[3].im};
      unroll<4>([&](auto i) PAPILIO_INLINE_LAMBDA { join_pairs<R>(a[i], b[i]); });
      hn::StoreInterleaved4(a[0], a[1], a[2], a[3], Tag<R>(), p);
      hn::StoreInterleaved4(b[0], b[1], b[2], b[3], Tag<R>(), p + 4 * kLanes);
    }
#endif
  }

  template <int kDistance>
  HWY_INLINE Numbers swap() const {
    return {swap_lanes<R, kDistance>(re), swap_lanes<R, kDistance>(im)};
  }
};

// max(x, 0), where NaN stays NaN: with x86's vectors by the order of the arguments. Highway's Max
// of NEON and of scalars drops it.
template <class R>
HWY_INLINE Numbers<R> rectify(const Numbers<R>& x) {
  const auto zero = Numbers<R>::zero().re;
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_NEON
  return {hn::IfThenZeroElse(hn::Lt(x.re, zero), x.re)};
#else
  return {hn::Max(zero, x.re)};
#endif
}
template <class R>
HWY_INLINE Numbers<R> add(const Numbers<R>& a, const Numbers<R>& b) {
  return {hn::Add(a.re, b.re)};
}
template <class R>
HWY_INLINE Numbers<R> mul(const Numbers<R>& a, const Numbers<R>& b) {
  return {hn::Mul(a.re, b.re)};
}
// a * b + c
template <class R>
HWY_INLINE Numbers<R> mul_add(const Numbers<R>& a, const Numbers<R>& b, const Numbers<R>& c) {
  return {hn::MulAdd(a.re, b.re, c.re)};
}
// conj(a) * b
template <class R>
HWY_INLINE Numbers<R> conj_mul(const Numbers<R>& a, const Numbers<R>& b) {
  return mul(a, b);
}
// conj(a) * b + c
template <class R>
HWY_INLINE Numbers<R> conj_mul_add(const Numbers<R>& a, const Numbers<R>& b, const Numbers<R>& c) {
  return mul_add(a, b, c);
}

template <class R>
using Complexes = Numbers<std::complex<R>>;

template <class R>
HWY_INLINE Complexes<R> add(const Complexes<R>& a, const Complexes<R>& b) {
  return {hn::Add(a.re, b.re), hn::Add(a.im, b.im)};
}
template <class R>
HWY_INLINE Complexes<R> mul(const Complexes<R>& a, const Complexes<R>& b) {
  return {hn::NegMulAdd(a.im, b.im, hn::Mul(a.re, b.re)),
          hn::MulAdd(a.im, b.re, hn::Mul(a.re, b.im))};
}
template <class R>
HWY_INLINE Complexes<R> mul_add(const Complexes<R>& a, const Complexes<R>& b,
                                const Complexes<R>& c) {
  return {hn::NegMulAdd(a.im, b.im, hn::MulAdd(a.re, b.re, c.re)),
          hn::MulAdd(a.im, b.re, hn::MulAdd(a.re, b.im, c.im))};
}
template <class R>
HWY_INLINE Complexes<R> conj_mul(const Complexes<R>& a, const Complexes<R>& b) {
  return {hn::MulAdd(a.im, b.im, hn::Mul(a.re, b.re)),
          hn::NegMulAdd(a.im, b.re, hn::Mul(a.re, b.im))};
}
template <class R>
HWY_INLINE Complexes<R> conj_mul_add(const Complexes<R>& a, const Complexes<R>& b,
                                     const Complexes<R>& c) {
  return {hn::MulAdd(a.im, b.im, hn::MulAdd(a.re, b.re, c.re)),
          hn::NegMulAdd(a.im, b.re, hn::MulAdd(a.re, b.im, c.im))};
}

}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
