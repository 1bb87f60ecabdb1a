#include "papilio/core/kernels/peak.h"

#include <time.h>  // NOLINT: clock_gettime() is not in <ctime>

#include <algorithm>

#include "papilio/core/kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "papilio/core/kernels/peak.cc"
#include "papilio/core/kernels/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {

// Latency 4 times two units asks for 8 chains; 12 leave 4 of AVX2's 16 registers.
constexpr int64_t kChains = 12;

// Chains are variables of their own: of an array, GCC stores every element after every operation,
// and the loop measures stores. They begin with different values, or they would be one chain to the
// compiler. `factor` and `shift` are known at run time only, and keep the values finite and normal.
template <class T>
int64_t fma_loop(int64_t operations, T factor, T shift, T* result) {
  const hwy::HWY_NAMESPACE::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(Lanes(d));
  const int64_t steps = (operations + kChains * lanes - 1) / (kChains * lanes);
  const auto a = Set(d, factor), b = Set(d, shift);
  auto x0 = Set(d, T(0.0)), x1 = Set(d, T(0.1)), x2 = Set(d, T(0.2)), x3 = Set(d, T(0.3)),
       x4 = Set(d, T(0.4)), x5 = Set(d, T(0.5)), x6 = Set(d, T(0.6)), x7 = Set(d, T(0.7)),
       x8 = Set(d, T(0.8)), x9 = Set(d, T(0.9)), x10 = Set(d, T(1.0)), x11 = Set(d, T(1.1));
  for (int64_t i = 0; i < steps; ++i) {
    x0 = MulAdd(x0, a, b), x1 = MulAdd(x1, a, b), x2 = MulAdd(x2, a, b), x3 = MulAdd(x3, a, b);
    x4 = MulAdd(x4, a, b), x5 = MulAdd(x5, a, b), x6 = MulAdd(x6, a, b), x7 = MulAdd(x7, a, b);
    x8 = MulAdd(x8, a, b), x9 = MulAdd(x9, a, b), x10 = MulAdd(x10, a, b), x11 = MulAdd(x11, a, b);
  }
  const auto sum = Add(Add(Add(Add(x0, x1), Add(x2, x3)), Add(Add(x4, x5), Add(x6, x7))),
                       Add(Add(x8, x9), Add(x10, x11)));
  *result = GetLane(sum);
  return steps * kChains * lanes;
}

int64_t fma_loop_f32(int64_t operations, float factor, float shift, float* result) {
  return fma_loop(operations, factor, shift, result);
}
int64_t fma_loop_f64(int64_t operations, double factor, double shift, double* result) {
  return fma_loop(operations, factor, shift, result);
}

}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace papilio::kernels {
namespace {

HWY_EXPORT(fma_loop_f32);
HWY_EXPORT(fma_loop_f64);

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Rate of one run of `operations`; `seconds` is what it took.
template <class T>
double rate(int64_t operations, double& seconds) {
  const double start = thread_seconds();
  const int64_t done = run_fma_loop<T>(operations);
  seconds = std::max(thread_seconds() - start, 1e-9);
  return static_cast<double>(done) / seconds;
}

}  // namespace

template <>
int64_t run_fma_loop<float>(int64_t operations) {
  ensure_simd_target();
  float result;
  return HWY_DYNAMIC_DISPATCH(fma_loop_f32)(operations, 0.5f, 1.0f, &result);
}
template <>
int64_t run_fma_loop<double>(int64_t operations) {
  ensure_simd_target();
  double result;
  return HWY_DYNAMIC_DISPATCH(fma_loop_f64)(operations, 0.5, 1.0, &result);
}

template <class T>
double measure_fma_rate() {
  constexpr double kRun = 1e-3;  // long against the clock's own cost, short against disturbances
  constexpr int kRuns = 8;
  int64_t operations = int64_t{1} << 14;
  double seconds = 0;
  double best = rate<T>(operations, seconds);
  while (seconds < kRun) best = rate<T>(operations *= 2, seconds);
  for (int i = 0; i < kRuns; ++i) best = std::max(best, rate<T>(operations, seconds));
  return best;
}

template double measure_fma_rate<float>();
template double measure_fma_rate<double>();

}  // namespace papilio::kernels
#endif  // HWY_ONCE
