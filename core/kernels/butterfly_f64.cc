// The butterfly kernels of one dtype, for every SIMD target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "papilio/core/kernels/butterfly_f64.cc"
#include "papilio/core/kernels/highway-inl.h"
// After highway-inl.h, as each target compiles it anew.
#include "papilio/core/kernels/butterfly_simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {
void kernels_f64(ButterflyKernels<double>* k) { *k = make_kernels<double>(); }
}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace papilio::kernels {
HWY_EXPORT(kernels_f64);
template <>
ButterflyKernels<double> butterfly_kernels() {
  ensure_simd_target();
  ButterflyKernels<double> kernels;
  HWY_DYNAMIC_DISPATCH(kernels_f64)(&kernels);
  return kernels;
}
}  // namespace papilio::kernels
#endif
