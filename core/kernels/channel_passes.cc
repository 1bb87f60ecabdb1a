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
    fetch(p.x + place + kAhead);
    fetch(p.dy + place + kAhead);
    if constexpr (kGate == Gate::by_y) {
      fetch(p.gate_y + place + kAhead);
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
    fetch(p.dy + place + kAhead);
    if constexpr (kGate) {
      fetch(p.gate_y + place + kAhead);
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

#define PAPILIO_LOOP(name)                   \
  template <>                                \
  ChannelLoop<float> name##_loop() {         \
    ensure_simd_target();                    \
    return HWY_DYNAMIC_DISPATCH(name##_f32); \
  }                                          \
  template <>                                \
  ChannelLoop<double> name##_loop() {        \
    ensure_simd_target();                    \
    return HWY_DYNAMIC_DISPATCH(name##_f64); \
  }
PAPILIO_LOOP(scale)
PAPILIO_LOOP(gradient)
PAPILIO_LOOP(deviations)
PAPILIO_LOOP(gate)
PAPILIO_LOOP(gradient_sums)
#undef PAPILIO_LOOP

}  // namespace papilio::kernels
#endif
