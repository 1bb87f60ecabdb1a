// The peak against which kernels are judged: how fast a loop of nothing but multiply-adds in
// registers runs. A share of this peak does not depend on the clock, so it can be compared between
// runs, and with other kernels of the same process, where times can't.
#pragma once

#include <cstdint>

namespace papilio::kernels {

/// Runs independent chains of multiply-adds that fill all lanes of the SIMD target in use, and
/// returns how many lane operations that were: at least `operations`, and less than
/// 12 * lanes more. One lane operation is x * a + b of one number, 2 flops, be it one instruction
/// or, on targets without FMA, two. T is float or double.
template <class T>
int64_t run_fma_loop(int64_t operations);

/// Multiply-adds of single numbers (lane operations) per second of one thread, for the SIMD target
/// in use: the best of several runs of run_fma_loop, by the processor time of this thread. Takes
/// about 10 ms. T is float or double.
template <class T>
double measure_fma_rate();

}  // namespace papilio::kernels
