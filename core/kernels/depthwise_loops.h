// The loops behind depthwise.h, for the SIMD target in use. A pixel is `channels` numbers; a
// row outside of an image is zeros. Weights are [9, channels].
#pragma once

#include <cstdint>

namespace papilio::kernels {

/// A row of outputs: windows `stride` apart over the pixels of three rows of an image, the first of
/// which begins one pixel before them.
struct DepthwiseRow {
  int64_t channels, stride;
  int64_t width, outputs;  ///< pixels in a row of the image, and of y
  const float* x[3];
  const float* weight;
  const float* bias;      ///< [channels], or null
  const float* residual;  ///< pixels as y, or null
  bool relu;              ///< then max(y, 0)
  float* y;
};

struct DepthwiseLoops {
  /// y = bias + sum over the window of x weight + residual.
  void (*row)(const DepthwiseRow&);
  /// Stride 2: the 2x2 pixels dx[0 .. 3] whose windows hold the 2x2 outputs dy[0 .. 3].
  void (*spread)(int64_t channels, const float* const* dy, const float* weight, float* const* dx);
};
DepthwiseLoops depthwise_loops();

}  // namespace papilio::kernels
