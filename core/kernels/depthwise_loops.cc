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

// Outputs first .. first + kOutputs - 1: their windows share pixels and weights. `left` and
// `right`: the first or the last column of the windows lies outside of the image.
template <int kOutputs, int kStride>
HWY_INLINE void some_windows(const DepthwiseRow& r, int64_t first, bool left, bool right) {
  constexpr int kColumns = (kOutputs - 1) * kStride + 3;
  const int64_t channels = r.channels, begin = (first * kStride - 1) * channels;
  for_each_part<float>(channels, [&](auto d, int64_t c) PAPILIO_PART {
    using V = hn::Vec<decltype(d)>;
    V w[9], sum[kOutputs];
    load_nine(d, channels, r.weight + c, w);
    HWY_UNROLL(4)
    for (int i = 0; i < kOutputs; ++i) sum[i] = r.bias ? hn::LoadU(d, r.bias + c) : hn::Zero(d);
    HWY_UNROLL(9)
    for (int column = 0; column < kColumns; ++column) {
      if ((column == 0 && left) || (column == kColumns - 1 && right)) continue;
      const int64_t at = begin + column * channels + c;
      const V a = hn::LoadU(d, r.x[0] + at), b = hn::LoadU(d, r.x[1] + at),
              e = hn::LoadU(d, r.x[2] + at);
      HWY_UNROLL(4)
      for (int i = 0; i < kOutputs; ++i) {
        const int q = column - i * kStride;
        if (q < 0 || q > 2) continue;
        sum[i] = hn::MulAdd(e, w[6 + q], hn::MulAdd(b, w[3 + q], hn::MulAdd(a, w[q], sum[i])));
      }
    }
    HWY_UNROLL(4)
    for (int i = 0; i < kOutputs; ++i) {
      const int64_t at = (first + i) * channels + c;
      if (r.residual) sum[i] = hn::Add(sum[i], hn::LoadU(d, r.residual + at));
      if (r.relu) sum[i] = relu_of(d, sum[i]);
      hn::StoreU(sum[i], d, r.y + at);
    }
  });
}

template <int kStride>
void row_of(const DepthwiseRow& r) {
  int64_t first = 0;
  const auto run = [&](auto outputs) HWY_ATTR {
    for (; first + outputs <= r.outputs; first += outputs)
      some_windows<outputs, kStride>(r, first, first == 0,
                                     (first + outputs - 1) * kStride + 1 >= r.width);
  };
  run(std::integral_constant<int, 4>());
  run(std::integral_constant<int, 2>());
  run(std::integral_constant<int, 1>());
}
void row(const DepthwiseRow& r) { (r.stride == 1 ? row_of<1> : row_of<2>)(r); }

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

DepthwiseLoops depthwise_loops_of_target() { return {.row = row, .spread = spread}; }

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
