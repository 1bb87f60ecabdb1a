// Between the twiddles of the caller and the packed ones. Compiled once for each SIMD target.

#if defined(PAPILIO_BUTTERFLY_PACK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PAPILIO_BUTTERFLY_PACK_INL_H_
#undef PAPILIO_BUTTERFLY_PACK_INL_H_
#else
#define PAPILIO_BUTTERFLY_PACK_INL_H_
#endif

#include "papilio/core/kernels/butterfly_passes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {

// Where lane l of the slots D and O of a lane level stands among the matrices of its vector.
struct LanePlace {
  int diagonal, other;
};
HWY_INLINE LanePlace lane_place(int level, int lane) {
  const int stride = 1 << level;
  const int pair = (lane >> (level + 1) << level) + (lane & (stride - 1));
  return (lane & stride) == 0 ? LanePlace{4 * pair, 4 * pair + 1}
                              : LanePlace{4 * pair + 3, 4 * pair + 2};
}

// Calls body(first vector, first pair) for the pairs of vectors of a level of stride >= lanes.
template <class T, class Body>
HWY_INLINE void for_vector_pairs(int level, int64_t vectors, const Body& body) {
  const int64_t stride = int64_t{1} << (level - kLaneLevels<T>);
  for (int64_t i = 0; i < vectors / 2; ++i) {
    const int64_t inner = i & (stride - 1);
    body((i - inner) * 2 + inner, stride, i * Numbers<T>::kLanes);
  }
}

template <class T>
HWY_INLINE void set_lane(Real<T>* slot, int lane, const T& value) {
  const auto* reals = reinterpret_cast<const Real<T>*>(&value);
  for (int plane = 0; plane < Numbers<T>::kPlanes; ++plane)
    slot[plane * Numbers<T>::kLanes + lane] = reals[plane];
}
template <class T>
HWY_INLINE T get_lane(const Real<T>* slot, int lane) {
  if constexpr (Numbers<T>::kPlanes == 1)
    return slot[lane];
  else
    return T(slot[lane], slot[Numbers<T>::kLanes + lane]);
}

template <class T>
void pack(int level, int64_t vectors, bool frozen, const T* matrices, Real<T>* packed) {
  using N = Numbers<T>;
  constexpr int kLanes = N::kLanes;
  if (level < kLaneLevels<T>) {
    LanePlace places[kLanes];
    for (int l = 0; l < kLanes; ++l) places[l] = lane_place(level, l);
    for (int64_t v = 0; v < vectors; ++v) {
      if (frozen) {
        const T* pairs = matrices + v * kLanes;
        for (int l = 0; l < kLanes; ++l)
          set_lane<T>(packed + v * N::kSlot, l, pairs[places[l].diagonal / 2]);
      } else {
        const T* m = matrices + v * 2 * kLanes;
        Real<T>* slots = packed + v * 2 * N::kSlot;
        for (int l = 0; l < kLanes; ++l) {
          set_lane<T>(slots, l, m[places[l].diagonal]);
          set_lane<T>(slots + N::kSlot, l, m[places[l].other]);
        }
      }
    }
    return;
  }
  for_vector_pairs<T>(level, vectors, [&](int64_t p, int64_t stride, int64_t pair) HWY_ATTR {
    if (frozen) {
      for (int l = 0; l < kLanes; ++l) {
        set_lane<T>(packed + p * N::kSlot, l, matrices[2 * (pair + l)]);
        set_lane<T>(packed + (p + stride) * N::kSlot, l, matrices[2 * (pair + l) + 1]);
      }
      return;
    }
    N t[4];
    N::load_matrices(reinterpret_cast<const Real<T>*>(matrices + 4 * pair), t);
    Real<T>*slots_p = packed + p * 2 * N::kSlot, *slots_q = slots_p + stride * 2 * N::kSlot;
    t[0].store(slots_p), t[1].store(slots_p + N::kSlot);
    t[3].store(slots_q), t[2].store(slots_q + N::kSlot);
  });
}

template <class T>
void unpack_sum(int level, int64_t vectors, const Real<T>* packed, int64_t parts,
                int64_t part_pitch, T* matrices) {
  using N = Numbers<T>;
  constexpr int kLanes = N::kLanes;
  const auto sum = [&](int64_t slot) HWY_ATTR {
    const Real<T>* p = packed + slot * N::kSlot;
    N total = N::load(p);
    for (int64_t part = 1; part < parts; ++part)
      total = add(total, N::load(p + part * part_pitch));
    return total;
  };
  if (level < kLaneLevels<T>) {
    LanePlace places[kLanes];
    for (int l = 0; l < kLanes; ++l) places[l] = lane_place(level, l);
    for (int64_t v = 0; v < vectors; ++v) {
      alignas(64) Real<T> slots[2 * N::kSlot];
      sum(2 * v).store(slots);
      sum(2 * v + 1).store(slots + N::kSlot);
      T* m = matrices + v * 2 * kLanes;
      for (int l = 0; l < kLanes; ++l) {
        m[places[l].diagonal] = get_lane<T>(slots, l);
        m[places[l].other] = get_lane<T>(slots + N::kSlot, l);
      }
    }
    return;
  }
  for_vector_pairs<T>(level, vectors, [&](int64_t p, int64_t stride, int64_t pair) HWY_ATTR {
    const int64_t q = p + stride;
    const N t[4] = {sum(2 * p), sum(2 * p + 1), sum(2 * q + 1), sum(2 * q)};
    N::store_matrices(t, reinterpret_cast<Real<T>*>(matrices + 4 * pair));
  });
}

}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
