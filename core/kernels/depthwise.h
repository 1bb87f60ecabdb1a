// Depthwise convolutions with kernels of 3x3 pixels and padding 1, of stride 1 or 2, on
// channels-last images: vectors run along the channels. For conv.cc, in float.
#pragma once

#include "papilio/core/kernels/conv.h"

namespace papilio::kernels {

/// Whether the functions below take the shape: groups = in = out, 3x3, padding 1, stride 1 or
/// 2, dilation 1, batch >= 1.
bool is_depthwise3x3(const ConvShape& shape);

/// The weight as [9, channels].
Buffer depthwise3x3_pack(const ConvShape& shape, const float* weight);
/// As conv_forward, without an order, and conv_backward_data; the same bits for every thread count.
void depthwise3x3_forward(const ConvShape& shape, const float* x, const Buffer& packed,
                          const ConvFusion<float>& fused, float* y);
void depthwise3x3_backward_data(const ConvShape& shape, const float* dy, const float* weight,
                                float* dx);

}  // namespace papilio::kernels
