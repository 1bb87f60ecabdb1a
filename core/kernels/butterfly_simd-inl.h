// The entries of ButterflyKernels. butterfly_f32.cc and its siblings compile this file, each for its
// dtype and for every SIMD target: one source file for all of them would take minutes to compile.

#if defined(PAPILIO_BUTTERFLY_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PAPILIO_BUTTERFLY_SIMD_INL_H_
#undef PAPILIO_BUTTERFLY_SIMD_INL_H_
#else
#define PAPILIO_BUTTERFLY_SIMD_INL_H_
#endif

#include "papilio/core/kernels/butterfly_backward-inl.h"
#include "papilio/core/kernels/butterfly_forward-inl.h"
#include "papilio/core/kernels/butterfly_pack-inl.h"
#include "papilio/core/kernels/simd.h"

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {

template <class T>
HWY_INLINE ButterflyKernels<T> make_kernels() {
  return {.lanes = Numbers<T>::kLanes,
          .pack = pack<T>,
          .unpack_sum = unpack_sum<T>,
          .forward = forward<T>,
          .gate = gate<T>,
          .backward_scratch = backward_scratch<T>,
          .backward = backward<T>};
}

}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
