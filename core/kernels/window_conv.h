// Convolutions of few channels, as of a network's first layer on images of three colours: every
// window is one long pixel. For conv.cc, in float; libraries pad the channels to whole blocks.
#pragma once

#include "papilio/core/kernels/conv.h"

namespace papilio::kernels {

/// Whether the functions below take the shape and are faster: 1 to 4 channels to 1 to 32, without
/// groups, dilation 1, a kernel larger than one pixel and of at most 64 numbers.
bool is_window_conv(const ConvShape& shape);

/// The weight in panels of columns, for the SIMD target in use.
Buffer window_conv_pack(const ConvShape& shape, const float* weight);
/// As conv_forward, without an order; the same bits for every thread count.
void window_conv_forward(const ConvShape& shape, const float* x, const Buffer& packed,
                         const ConvFusion<float>& fused, float* y);

}  // namespace papilio::kernels
