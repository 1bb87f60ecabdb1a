// The butterfly kernels of one dtype, for every SIMD target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "papilio/core/kernels/butterfly_f32.cc"
#include "papilio/core/kernels/highway-inl.h"
// After highway-inl.h, as each target compiles it anew.
#include "papilio/core/kernels/butterfly_simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {
void kernels_f32(ButterflyKernels<float>* k) { *k = make_kernels<float>(); }
}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace papilio::kernels {
HWY_EXPORT(kernels_f32);
template <>
ButterflyKernels<float> butterfly_kernels() {
  ensure_simd_target();
  ButterflyKernels<float> kernels;
  HWY_DYNAMIC_DISPATCH(kernels_f32)(&kernels);
  return kernels;
}
}  // namespace papilio::kernels
#endif
