#include "papilio/core/kernels/channel_passes.h"

#include <algorithm>
#include <type_traits>

#include "papilio/core/kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "papilio/core/kernels/channel_passes.cc"
#include "papilio/core/kernels/highway-inl.h"
#include "papilio/core/kernels/parts-inl.h"

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {

// Sums that fit into the registers, beside what they are made of.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
constexpr int kVectorsAtOnce = 6;
#else
constexpr int kVectorsAtOnce = 4;
#endif

// dy where the output was not cut off; as the op relu, also where it is NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V gated(D d, V dy, V output) {
  return hn::IfThenZeroElse(hn::Le(output, hn::Zero(d)), dy);
}

template <class T, bool kShift, bool kResidual, bool kRelu>
void scale_rows(const ChannelPass<T>& p) {
  for (int64_t row = 0; row < p.count; ++row) {
    const int64_t start = row * p.width;
    for_each_part<T>(p.width, [&](auto d, int64_t at) PAPILIO_PART {
      const auto x = hn::Sub(hn::LoadU(d, p.x + start + at), hn::LoadU(d, p.mean + at));
      const auto factor = hn::LoadU(d, p.factor + at);
      auto v = hn::Mul(x, factor);
      if constexpr (kShift) v = hn::MulAdd(x, factor, hn::LoadU(d, p.shift + at));
      if constexpr (kResidual) v = hn::Add(v, hn::LoadU(d, p.residual + start + at));
      if constexpr (kRelu) v = relu_of(d, v);
      hn::StoreU(v, d, p.y + start + at);
    });
  }
}
template <class T, bool kShift>
void scale_with(const ChannelPass<T>& p) {
  if (p.residual)
    (p.relu ? scale_rows<T, kShift, true, true> : scale_rows<T, kShift, true, false>)(p);
  else
    (p.relu ? scale_rows<T, kShift, false, true> : scale_rows<T, kShift, false, false>)(p);
}
template <class T>
void scale(const ChannelPass<T>& p) {
  (p.shift ? scale_with<T, true> : scale_with<T, false>)(p);
}

template <class T, bool kGate>
void gradient_rows(const ChannelPass<T>& p) {
  for (int64_t row = 0; row < p.count; ++row) {
    const int64_t start = row * p.width;
    for_each_part<T>(p.width, [&](auto d, int64_t at) PAPILIO_PART {
      const auto x = hn::Sub(hn::LoadU(d, p.x + start + at), hn::LoadU(d, p.mean + at));
      auto dy = hn::LoadU(d, p.dy + start + at);
      if constexpr (kGate)
        dy =
            gated(d, dy,
                  hn::MulAdd(x, hn::LoadU(d, p.gate_factor + at), hn::LoadU(d, p.gate_shift + at)));
      const auto constant =
          hn::MulAdd(x, hn::LoadU(d, p.x_factor + at), hn::LoadU(d, p.shift + at));
      hn::StoreU(hn::MulAdd(dy, hn::LoadU(d, p.factor + at), constant), d, p.y + start + at);
    });
  }
}
template <class T>
void gradient(const ChannelPass<T>& p) {
  (p.gate_factor ? gradient_rows<T, true> : gradient_rows<T, false>)(p);
}

// ---------------------------------------------------------------- sums

// Sums of kVectors vectors of columns in registers, over all rows.
template <class D, int kVectors, class T, class Step>
HWY_INLINE void sum_columns(D d, const ChannelPass<T>& p, int64_t at, const Step& step) {
  constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(D()));
  hn::Vec<D> sum[kVectors], products[kVectors];
  for (int v = 0; v < kVectors; ++v) sum[v] = products[v] = hn::Zero(d);
  for (int64_t row = 0; row < p.count; ++row)
    for (int v = 0; v < kVectors; ++v)
      step(d, row * p.width + at + v * kLanes, at + v * kLanes, sum[v], products[v]);
  for (int v = 0; v < kVectors; ++v) {
    hn::StoreU(sum[v], d, p.sum + at + v * kLanes);
    hn::StoreU(products[v], d, p.products + at + v * kLanes);
  }
}

// step(tag, place of a number, its column, sum&, product&) for all numbers.
template <class T, class Step>
HWY_INLINE void sum_all_rows(const ChannelPass<T>& p, const Step& step) {
  constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(hn::ScalableTag<T>()));
  // Longer rows are read in their order, a few at a time, with the sums in the cache: memory is
  // slow at pieces of rows. In short ones every sum would wait for that of the rows before.
  constexpr int64_t kShort = 256;
  if (p.width <= kShort) {
    int64_t at = 0;
    for (; at + kVectorsAtOnce * kLanes <= p.width; at += kVectorsAtOnce * kLanes)
      sum_columns<hn::ScalableTag<T>, kVectorsAtOnce>({}, p, at, step);
    for (; at + 2 * kLanes <= p.width; at += 2 * kLanes)
      sum_columns<hn::ScalableTag<T>, 2>({}, p, at, step);
    for (; at + kLanes <= p.width; at += kLanes)
      sum_columns<hn::ScalableTag<T>, 1>({}, p, at, step);
    for (; at < p.width; ++at) sum_columns<hn::CappedTag<T, 1>, 1>({}, p, at, step);
    return;
  }
  std::fill_n(p.sum, p.width, T(0));
  std::fill_n(p.products, p.width, T(0));
  int64_t row = 0;
  const auto rows = [&](auto count) HWY_ATTR {
    constexpr int kCount = decltype(count)::value;
    for (; row + kCount <= p.count; row += kCount)
      for_each_part<T>(p.width, [&](auto d, int64_t at) PAPILIO_PART {
        auto sum = hn::LoadU(d, p.sum + at), products = hn::LoadU(d, p.products + at);
        HWY_UNROLL(4)
        for (int i = 0; i < kCount; ++i) step(d, (row + i) * p.width + at, at, sum, products);
        hn::StoreU(sum, d, p.sum + at);
        hn::StoreU(products, d, p.products + at);
      });
  };
  rows(std::integral_constant<int, 4>());
  rows(std::integral_constant<int, 1>());
}

// Sums of x - mean and of its square.
template <class T>
void deviations(const ChannelPass<T>& p) {
  sum_all_rows(p, [&](auto d, int64_t place, int64_t at, auto& sum, auto& squares) PAPILIO_PART {
    const auto x = hn::Sub(hn::LoadU(d, p.x + place), hn::LoadU(d, p.mean + at));
    sum = hn::Add(sum, x);
    squares = hn::MulAdd(x, x, squares);
  });
}

enum class Gate { none, by_y, recomputed };
template <class T, Gate kGate>
void gradient_sums_of(const ChannelPass<T>& p) {
  sum_all_rows(p, [&](auto d, int64_t place, int64_t at, auto& sum, auto& products) PAPILIO_PART {
    const auto x = hn::Sub(hn::LoadU(d, p.x + place), hn::LoadU(d, p.mean + at));
    auto dy = hn::LoadU(d, p.dy + place);
    memory::fetch(p.x + place + kAhead, 1);
    memory::fetch(p.dy + place + kAhead, 1);
    if constexpr (kGate == Gate::by_y) {
      memory::fetch(p.gate_y + place + kAhead, 1);
      dy = gated(d, dy, hn::LoadU(d, p.gate_y + place));
      hn::StoreU(dy, d, p.y + place);
    } else if constexpr (kGate == Gate::recomputed) {
      dy = gated(d, dy,
                 hn::MulAdd(x, hn::LoadU(d, p.gate_factor + at), hn::LoadU(d, p.gate_shift + at)));
    }
    sum = hn::Add(sum, dy);
    products = hn::MulAdd(dy, x, products);
  });
}
// Sums of dy alone.
template <class T, bool kGate>
void gate_of(const ChannelPass<T>& p) {
  sum_all_rows(p, [&](auto d, int64_t place, int64_t, auto& sum, auto&) PAPILIO_PART {
    auto dy = hn::LoadU(d, p.dy + place);
    memory::fetch(p.dy + place + kAhead, 1);
    if constexpr (kGate) {
      memory::fetch(p.gate_y + place + kAhead, 1);
      dy = gated(d, dy, hn::LoadU(d, p.gate_y + place));
      hn::StoreU(dy, d, p.y + place);
    }
    sum = hn::Add(sum, dy);
  });
}
template <class T>
void gate(const ChannelPass<T>& p) {
  (p.gate_y ? gate_of<T, true> : gate_of<T, false>)(p);
}

template <class T>
void gradient_sums(const ChannelPass<T>& p) {
  if (p.gate_y)
    gradient_sums_of<T, Gate::by_y>(p);
  else if (p.gate_factor)
    gradient_sums_of<T, Gate::recomputed>(p);
  else
    gradient_sums_of<T, Gate::none>(p);
}

// ---------------------------------------------------------------- moments

// Products of channels that stand kLags apart or less, of all rows, for the channels of a vector:
// also those of two groups or rows, which nobody looks at.
template <int kLags, class D, class T>
HWY_INLINE void lag_products(D d, int64_t count, int64_t channels, const T* at, const T* later,
                             T* to) {
  hn::Vec<D> sum[kLags];
  HWY_UNROLL(8)
  for (int i = 0; i < kLags; ++i) sum[i] = hn::LoadU(d, to + i * channels);
  for (int64_t row = 0; row < count; ++row, at += channels, later += channels) {
    const auto x = hn::LoadU(d, at);
    HWY_UNROLL(8)
    for (int i = 0; i < kLags; ++i) sum[i] = hn::MulAdd(x, hn::LoadU(d, later + i), sum[i]);
  }
  HWY_UNROLL(8)
  for (int i = 0; i < kLags; ++i) hn::StoreU(sum[i], d, to + i * channels);
}

template <class T>
void moments(const MomentPass<T>& p) {
  for_each_part<T>(p.channels, [&](auto d, int64_t at) PAPILIO_PART {
    const auto pivot = hn::LoadU(d, p.pivot + at);
    auto sum = hn::LoadU(d, p.sum + at);
    const T* from = p.x + at;
    T* to = p.room + at;
    for (int64_t row = 0; row < p.count; ++row, from += p.channels, to += p.channels) {
      const auto x = hn::Sub(hn::LoadU(d, from), pivot);
      hn::StoreU(x, d, to);
      sum = hn::Add(sum, x);
    }
    hn::StoreU(sum, d, p.sum + at);
  });
  for_each_part<T>(p.channels, [&](auto d, int64_t at) PAPILIO_PART {
    int64_t lag = 0;
    const auto lags = [&]<int kLags>(std::integral_constant<int, kLags>) HWY_ATTR {
      for (; lag + kLags <= p.lags; lag += kLags)
        lag_products<kLags>(d, p.count, p.channels, p.room + at, p.room + at + lag,
                            p.products + lag * p.channels + at);
    };
    lags(std::integral_constant<int, 8>());
    lags(std::integral_constant<int, 6>());
    lags(std::integral_constant<int, 4>());
    lags(std::integral_constant<int, 3>());
    lags(std::integral_constant<int, 2>());
    lags(std::integral_constant<int, 1>());
  });
}

void moments_f32(const MomentPass<float>& p) { moments(p); }
void moments_f64(const MomentPass<double>& p) { moments(p); }
void scale_f32(const ChannelPass<float>& p) { scale(p); }
void scale_f64(const ChannelPass<double>& p) { scale(p); }
void gradient_f32(const ChannelPass<float>& p) { gradient(p); }
void gradient_f64(const ChannelPass<double>& p) { gradient(p); }
void deviations_f32(const ChannelPass<float>& p) { deviations(p); }
void deviations_f64(const ChannelPass<double>& p) { deviations(p); }
void gate_f32(const ChannelPass<float>& p) { gate(p); }
void gate_f64(const ChannelPass<double>& p) { gate(p); }
void gradient_sums_f32(const ChannelPass<float>& p) { gradient_sums(p); }
void gradient_sums_f64(const ChannelPass<double>& p) { gradient_sums(p); }

}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace papilio::kernels {

HWY_EXPORT(moments_f32);
HWY_EXPORT(moments_f64);
HWY_EXPORT(scale_f32);
HWY_EXPORT(scale_f64);
HWY_EXPORT(gradient_f32);
HWY_EXPORT(gradient_f64);
HWY_EXPORT(deviations_f32);
HWY_EXPORT(deviations_f64);
HWY_EXPORT(gate_f32);
HWY_EXPORT(gate_f64);
HWY_EXPORT(gradient_sums_f32);
HWY_EXPORT(gradient_sums_f64);

#define PAPILIO_LOOP(Type, name)             \
  template <>                                \
  Type<float> name##_loop() {                \
    ensure_simd_target();                    \
    return HWY_DYNAMIC_DISPATCH(name##_f32); \
  }                                          \
  template <>                                \
  Type<double> name##_loop() {               \
    ensure_simd_target();                    \
    return HWY_DYNAMIC_DISPATCH(name##_f64); \
  }
PAPILIO_LOOP(MomentLoop, moments)
PAPILIO_LOOP(ChannelLoop, scale)
PAPILIO_LOOP(ChannelLoop, gradient)
PAPILIO_LOOP(ChannelLoop, deviations)
PAPILIO_LOOP(ChannelLoop, gate)
PAPILIO_LOOP(ChannelLoop, gradient_sums)
#undef PAPILIO_LOOP

}  // namespace papilio::kernels
#endif
