// The butterfly kernels of one dtype, for every SIMD target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "papilio/core/kernels/butterfly_c64.cc"
#include "papilio/core/kernels/highway-inl.h"
// After highway-inl.h, as each target compiles it anew.
#include "papilio/core/kernels/butterfly_simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {
void kernels_c64(ButterflyKernels<std::complex<float>>* k) { *k = make_kernels<std::complex<float>>(); }
}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace papilio::kernels {
HWY_EXPORT(kernels_c64);
template <>
ButterflyKernels<std::complex<float>> butterfly_kernels() {
  ensure_simd_target();
  ButterflyKernels<std::complex<float>> kernels;
  HWY_DYNAMIC_DISPATCH(kernels_c64)(&kernels);
  return kernels;
}
}  // namespace papilio::kernels
#endif
