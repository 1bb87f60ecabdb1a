// Convolutions of 1x1 pixels in groups, as products of many small matrices: every pixel's channels
// are read once, whatever the number of channels in a group. For conv.cc, in float; libraries pad
// groups of few channels to whole vectors and blocks.
#pragma once

#include "papilio/core/kernels/conv.h"

namespace papilio::kernels {

/// x [pixels, groups, in], y [pixels, groups, out], weight [groups, out, in]; all sizes >= 1.
struct PointwiseShape {
  int64_t pixels, groups, in, out;
};

/// The weight in panels of columns, for the SIMD target in use.
Buffer pointwise_pack(const PointwiseShape& shape, const float* weight);
/// y = weight x in every group, and what is fused; `packed` is of pointwise_pack(). The same bits
/// for every thread count, as the two below.
void pointwise_forward(const PointwiseShape& shape, const float* x, const Buffer& packed,
                       const ConvFusion<float>& fused, float* y);
void pointwise_backward_data(const PointwiseShape& shape, const float* dy, const float* weight,
                             float* dx, const float* term);
void pointwise_backward_weight(const PointwiseShape& shape, const float* x, const float* dy,
                               float* dweight);
/// As conv_backward.
void pointwise_backward(const PointwiseShape& shape, const float* x, const float* weight,
                        const DyPieces& dy, float* dx, const float* term, float* dweight);
/// As conv_gated_products and conv_backward_affine.
void pointwise_gated_products(const PointwiseShape& shape, const float* x, const float* mean,
                              const GatedDy<float>& dy, float* sums, float* products);
void pointwise_backward_affine(const PointwiseShape& shape, const float* dy, const float* weight,
                               const float* x, const float* of_x, const float* shift, float* dx);

}  // namespace papilio::kernels
