#include "papilio/core/kernels/normals.h"

#include <numbers>

#include "papilio/core/kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "papilio/core/kernels/normals.cc"
#include "papilio/core/kernels/highway-inl.h"

// After the targets are chosen.
#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<double>;
using U64 = hn::Repartition<uint64_t, D>;
using V = hn::Vec<D>;
using Words = hn::Vec<U64>;  // one 32-bit word of a counter in each lane; what is above it is noise

HWY_INLINE Words times(Words x, uint32_t factor) {
#if HWY_TARGET == HWY_SCALAR  // which has no pairs of lanes
  return hn::Set(U64(), (hn::GetLane(x) & 0xFFFFFFFFu) * uint64_t{factor});
#else
  using U32 = hn::Repartition<uint32_t, D>;
  return hn::MulEven(hn::BitCast(U32(), x), hn::Set(U32(), factor));
#endif
}

// Of the upper 53 of 64 bits, in [0, 1).
HWY_INLINE V unit(Words low, Words high) {
  const Words mask = hn::Set(U64(), 0xFFFFFFFFu);
  const Words bits = hn::Or(hn::And(low, mask), hn::ShiftLeft<32>(high));
  return hn::Mul(
      hn::ConvertTo(D(), hn::BitCast(hn::RebindToSigned<U64>(), hn::ShiftRight<11>(bits))),
      hn::Set(D(), 0x1p-53));
}

// See core/philox.h and Rng::normal().
HWY_INLINE V normals(uint64_t key, Words index) {
  Words c0 = index, c1 = hn::ShiftRight<32>(index), c2 = hn::Zero(U64()), c3 = c2;
  auto k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const Words a = times(c0, 0xD2511F53u), b = times(c2, 0xCD9E8D57u);
    c0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(b), c1), hn::Set(U64(), k0));
    c2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(a), c3), hn::Set(U64(), k1));
    c1 = b, c3 = a;
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  const D d;
  const V log = hn::Log(d, hn::Sub(hn::Set(d, 1), unit(c0, c1)));
  const V radius = hn::Sqrt(hn::Mul(hn::Set(d, -2), log));
  return hn::Mul(radius, hn::Cos(d, hn::Mul(hn::Set(d, 2 * std::numbers::pi), unit(c2, c3))));
}

void near_normals_range(uint64_t key, int64_t count, double* out) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  const auto at = [](int64_t i) { return hn::Iota(U64(), static_cast<uint64_t>(i)); };
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(normals(key, at(i)), D(), out + i);
  if (i == count) return;
  HWY_ALIGN double last[hn::MaxLanes(D())];
  hn::Store(normals(key, at(i)), D(), last);
  for (int64_t k = 0; i + k < count; ++k) out[i + k] = last[k];
}

}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace papilio::kernels {

HWY_EXPORT(near_normals_range);

void near_normals(uint64_t key, int64_t count, double* out) {
  ensure_simd_target();
  HWY_DYNAMIC_DISPATCH(near_normals_range)(key, count, out);
}

}  // namespace papilio::kernels
#endif
