#include "papilio/core/kernels/sgd.h"

#include "papilio/core/kernels/simd.h"
#include "papilio/core/threads.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "papilio/core/kernels/sgd.cc"
#include "papilio/core/kernels/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class D>
struct SgdVectors {
  using T = hn::TFromD<D>;
  using V = hn::Vec<D>;

  explicit SgdVectors(const SgdStep& step)
      : rate(hn::Set(D(), static_cast<T>(step.rate))),
        decay(hn::Set(D(), static_cast<T>(step.decay))),
        mu(hn::Set(D(), static_cast<T>(step.mu))),
        take(hn::Set(D(), static_cast<T>(step.take))) {}

  template <bool kNesterov>
  HWY_INLINE void update(T* value, const T* gradient, T* momentum) const {
    const D d;
    const V p = hn::LoadU(d, value);
    const V g = hn::MulAdd(decay, p, hn::LoadU(d, gradient));
    const V m = hn::MulAdd(mu, hn::LoadU(d, momentum), hn::Mul(take, g));
    hn::StoreU(m, d, momentum);
    hn::StoreU(hn::NegMulAdd(rate, kNesterov ? hn::MulAdd(mu, m, g) : m, p), d, value);
  }

  V rate, decay, mu, take;
};

// The last elements go one by one through the same instructions, so that it doesn't matter where a
// range ends. 32 bytes at a time: the loop waits for memory, and on CPUs that halve wider stores
// these are the faster ones.
template <class T, bool kNesterov>
void sgd_range(const SgdStep& step, int64_t begin, int64_t end, T* HWY_RESTRICT value,
               const T* HWY_RESTRICT gradient, T* HWY_RESTRICT momentum) {
  using D = HWY_CAPPED(T, 32 / sizeof(T));
  const SgdVectors<D> vectors(step);
  const SgdVectors<HWY_CAPPED(T, 1)> single(step);
  constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(D()));
  int64_t i = begin;
  for (; i + kLanes <= end; i += kLanes)
    vectors.template update<kNesterov>(value + i, gradient + i, momentum + i);
  for (; i < end; ++i) single.template update<kNesterov>(value + i, gradient + i, momentum + i);
}

void sgd_f32(const SgdStep& step, int64_t begin, int64_t end, float* value, const float* gradient,
             float* momentum) {
  (step.nesterov ? sgd_range<float, true> : sgd_range<float, false>)(step, begin, end, value,
                                                                     gradient, momentum);
}
void sgd_f64(const SgdStep& step, int64_t begin, int64_t end, double* value, const double* gradient,
             double* momentum) {
  (step.nesterov ? sgd_range<double, true> : sgd_range<double, false>)(step, begin, end, value,
                                                                       gradient, momentum);
}

}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace papilio::kernels {

HWY_EXPORT(sgd_f32);
HWY_EXPORT(sgd_f64);

namespace {

/// At least so many elements for a thread of its own.
constexpr int64_t kGrain = 1 << 14;

void update(const SgdStep& step, int64_t begin, int64_t end, float* value, const float* gradient,
            float* momentum) {
  HWY_DYNAMIC_DISPATCH(sgd_f32)(step, begin, end, value, gradient, momentum);
}
void update(const SgdStep& step, int64_t begin, int64_t end, double* value, const double* gradient,
            double* momentum) {
  HWY_DYNAMIC_DISPATCH(sgd_f64)(step, begin, end, value, gradient, momentum);
}

}  // namespace

template <class T>
void sgd_step(const SgdStep& step, int64_t count, T* value, const T* gradient, T* momentum) {
  ensure_simd_target();
  parallel_for(
      count,
      [&](int64_t begin, int64_t end) { update(step, begin, end, value, gradient, momentum); },
      kGrain);
}
template void sgd_step(const SgdStep&, int64_t, float*, const float*, float*);
template void sgd_step(const SgdStep&, int64_t, double*, const double*, double*);

}  // namespace papilio::kernels
#endif
