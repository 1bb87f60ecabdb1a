// The loops behind depthwise.h, for the SIMD target in use. A pixel is `channels` numbers; what
// lies outside of an image is a pixel or a row of zeros. Weights are [9, channels].
#pragma once

#include <cstdint>

namespace papilio::kernels {

struct DepthwiseLoops {
  /// y = bias + sum over k of x[k] weight[k], one pixel; bias may be null.
  void (*window)(int64_t channels, const float* const* x, const float* weight, const float* bias,
                 float* y);
  /// The same for `count` neighbours whose windows, `stride` apart, begin at x[0], x[1], x[2] in
  /// three rows and lie inside.
  void (*windows)(int64_t channels, int64_t count, int64_t stride, const float* const* x,
                  const float* weight, const float* bias, float* y);
  /// Stride 2: the 2x2 pixels dx[0 .. 3] whose windows hold the 2x2 outputs dy[0 .. 3].
  void (*spread)(int64_t channels, const float* const* dy, const float* weight, float* const* dx);
};
DepthwiseLoops depthwise_loops();

}  // namespace papilio::kernels
