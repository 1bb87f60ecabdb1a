// Highway, with the targets that we build: SSE4, AVX2 and AVX-512 on x86, NEON on Arm, and whatever
// the compiler's own baseline is. Sources include this file and not <hwy/highway.h>, because
// simd.cc relies on all of them having the same targets. A source that is to be compiled once for
// each target defines HWY_TARGET_INCLUDE first; hence no include guard.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)

#ifdef HWY_TARGET_INCLUDE
#include <hwy/foreach_target.h>
#endif
#include <hwy/highway.h>
