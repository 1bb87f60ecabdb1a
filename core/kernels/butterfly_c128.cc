// The butterfly kernels of one dtype, for every SIMD target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "papilio/core/kernels/butterfly_c128.cc"
#include "papilio/core/kernels/highway-inl.h"
// After highway-inl.h, as each target compiles it anew.
#include "papilio/core/kernels/butterfly_simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {
void kernels_c128(ButterflyKernels<std::complex<double>>* k) { *k = make_kernels<std::complex<double>>(); }
}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace papilio::kernels {
HWY_EXPORT(kernels_c128);
template <>
ButterflyKernels<std::complex<double>> butterfly_kernels() {
  ensure_simd_target();
  ButterflyKernels<std::complex<double>> kernels;
  HWY_DYNAMIC_DISPATCH(kernels_c128)(&kernels);
  return kernels;
}
}  // namespace papilio::kernels
#endif
