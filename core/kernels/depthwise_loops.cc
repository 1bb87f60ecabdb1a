#include "papilio/core/kernels/depthwise_loops.h"

#include "papilio/core/kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "papilio/core/kernels/depthwise_loops.cc"
#include "papilio/core/kernels/highway-inl.h"
#include "papilio/core/kernels/parts-inl.h"

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {

template <class D>
HWY_INLINE void load_nine(D d, int64_t channels, const float* from, hn::Vec<D> (&to)[9]) {
  HWY_UNROLL(9)
  for (int k = 0; k < 9; ++k) to[k] = hn::LoadU(d, from + k * channels);
}

void window(int64_t channels, const float* const* x, const float* weight, const float* bias,
            float* y) {
  for_each_part<float>(channels, [&](auto d, int64_t c) PAPILIO_PART {
    auto sum = bias ? hn::LoadU(d, bias + c) : hn::Zero(d);
    HWY_UNROLL(9)
    for (int k = 0; k < 9; ++k)
      sum = hn::MulAdd(hn::LoadU(d, x[k] + c), hn::LoadU(d, weight + k * channels + c), sum);
    hn::StoreU(sum, d, y + c);
  });
}

// kOutputs neighbours at once: their windows share pixels and weights.
template <int kOutputs, int kStride>
HWY_INLINE void some_windows(int64_t channels, const float* x0, const float* x1, const float* x2,
                             const float* weight, const float* bias, float* y) {
  constexpr int kColumns = (kOutputs - 1) * kStride + 3;
  for_each_part<float>(channels, [&](auto d, int64_t c) PAPILIO_PART {
    using V = hn::Vec<decltype(d)>;
    V w[9], sum[kOutputs];
    load_nine(d, channels, weight + c, w);
    HWY_UNROLL(4)
    for (int i = 0; i < kOutputs; ++i) sum[i] = bias ? hn::LoadU(d, bias + c) : hn::Zero(d);
    HWY_UNROLL(9)
    for (int column = 0; column < kColumns; ++column) {
      const int64_t at = column * channels + c;
      const V a = hn::LoadU(d, x0 + at), b = hn::LoadU(d, x1 + at), e = hn::LoadU(d, x2 + at);
      HWY_UNROLL(4)
      for (int i = 0; i < kOutputs; ++i) {
        const int q = column - i * kStride;
        if (q < 0 || q > 2) continue;
        sum[i] = hn::MulAdd(e, w[6 + q], hn::MulAdd(b, w[3 + q], hn::MulAdd(a, w[q], sum[i])));
      }
    }
    HWY_UNROLL(4)
    for (int i = 0; i < kOutputs; ++i) hn::StoreU(sum[i], d, y + i * channels + c);
  });
}

template <int kStride>
void windows_of(int64_t channels, int64_t count, const float* const* x, const float* weight,
                const float* bias, float* y) {
  const float *x0 = x[0], *x1 = x[1], *x2 = x[2];
  const auto run = [&](auto outputs) HWY_ATTR {
    for (; count >= outputs; count -= outputs) {
      some_windows<outputs, kStride>(channels, x0, x1, x2, weight, bias, y);
      for (const float** row : {&x0, &x1, &x2}) *row += outputs * kStride * channels;
      y += outputs * channels;
    }
  };
  run(std::integral_constant<int, 4>());
  run(std::integral_constant<int, 2>());
  run(std::integral_constant<int, 1>());
}
void windows(int64_t channels, int64_t count, int64_t stride, const float* const* x,
             const float* weight, const float* bias, float* y) {
  (stride == 1 ? windows_of<1> : windows_of<2>)(channels, count, x, weight, bias, y);
}

void spread(int64_t channels, const float* const* dy, const float* weight, float* const* dx) {
  for_each_part<float>(channels, [&](auto d, int64_t c) PAPILIO_PART {
    hn::Vec<decltype(d)> w[9];
    load_nine(d, channels, weight + c, w);
    const auto a = hn::LoadU(d, dy[0] + c), right = hn::LoadU(d, dy[1] + c),
               below = hn::LoadU(d, dy[2] + c), across = hn::LoadU(d, dy[3] + c);
    hn::StoreU(hn::Mul(a, w[4]), d, dx[0] + c);
    hn::StoreU(hn::MulAdd(a, w[5], hn::Mul(right, w[3])), d, dx[1] + c);
    hn::StoreU(hn::MulAdd(a, w[7], hn::Mul(below, w[1])), d, dx[2] + c);
    hn::StoreU(hn::MulAdd(a, w[8],
                          hn::MulAdd(right, w[6], hn::MulAdd(below, w[2], hn::Mul(across, w[0])))),
               d, dx[3] + c);
  });
}

DepthwiseLoops depthwise_loops_of_target() {
  return {.window = window, .windows = windows, .spread = spread};
}

}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace papilio::kernels {

HWY_EXPORT(depthwise_loops_of_target);

DepthwiseLoops depthwise_loops() {
  ensure_simd_target();
  return HWY_DYNAMIC_DISPATCH(depthwise_loops_of_target)();
}

}  // namespace papilio::kernels
#endif
