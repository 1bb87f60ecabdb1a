// Which kernel a convolution runs on.
#include "papilio/core/kernels/conv.h"

#include <algorithm>

#include "papilio/core/kernels/depthwise.h"
#include "papilio/core/kernels/pointwise.h"

namespace papilio::kernels {
namespace {

/// One pixel of x for one of y.
bool is_pointwise(const ConvShape& s) {
  return s.kernel_height == 1 && s.kernel_width == 1 && s.stride == 1 && s.padding == 0;
}
PointwiseShape pointwise(const ConvShape& s) {
  return {.pixels = s.batch * s.height * s.width,
          .groups = s.groups,
          .in = s.in_per_group(),
          .out = s.out_per_group()};
}
/// Whether the kernel of ours is the faster one for a product that makes `made` channels in every
/// group. In groups it is up to 192 channels each, 1.5 to 3 times where they don't fill vectors.
/// Without groups the library is, except where it would pad.
bool takes_pointwise(const ConvShape& s, int64_t made) {
  if (!is_pointwise(s) || s.batch == 0) return false;
  constexpr int64_t kVector = 16, kMostGrouped = 192, kMostDense = 96, kFewMade = 64;
  const int64_t most = std::max(s.in_per_group(), s.out_per_group());
  if (s.groups > 1) return most <= kMostGrouped;
  return most <= kMostDense && made < kFewMade && (s.in % kVector != 0 || s.out % kVector != 0);
}

}  // namespace

template <>
void conv_forward(const ConvShape& s, const float* x, const float* weight, const float* bias,
                  float* y) {
  if (takes_pointwise(s, s.out_per_group()))
    return pointwise_forward(pointwise(s), x, weight, bias, y);
  if (is_depthwise3x3(s)) return depthwise3x3_forward(s, x, weight, bias, y);
  conv_forward_onednn(s, x, weight, bias, y);
}

template <>
void conv_backward_data(const ConvShape& s, const float* dy, const float* weight, float* dx) {
  if (takes_pointwise(s, s.in_per_group()))
    return pointwise_backward_data(pointwise(s), dy, weight, dx);
  if (is_depthwise3x3(s)) return depthwise3x3_backward_data(s, dy, weight, dx);
  conv_backward_data_onednn(s, dy, weight, dx);
}

template <>
void conv_backward_weight(const ConvShape& s, const float* x, const float* dy, float* dweight) {
  if (takes_pointwise(s, std::min(s.in_per_group(), s.out_per_group())))
    return pointwise_backward_weight(pointwise(s), x, dy, dweight);
  conv_backward_weight_onednn(s, x, dy, dweight);
}

template <>
void conv_forward(const ConvShape& s, const double* x, const double* weight, const double* bias,
                  double* y) {
  conv_forward_reference(s, x, weight, bias, y);
}
template <>
void conv_backward_data(const ConvShape& s, const double* dy, const double* weight, double* dx) {
  conv_backward_data_reference(s, dy, weight, dx);
}
template <>
void conv_backward_weight(const ConvShape& s, const double* x, const double* dy, double* dweight) {
  conv_backward_weight_reference(s, x, dy, dweight);
}

}  // namespace papilio::kernels
