// What the ops of convolutions share.
#pragma once

#include "papilio/core/kernels/conv.h"
#include "papilio/core/ops.h"

namespace papilio::detail {

/// The sizes of conv2d(x, weight, bias, options). Throws Error when they don't fit.
kernels::ConvShape conv_shape(const Tensor& x, const Tensor& weight, const Tensor& bias,
                              const Conv2dOptions& options);

}  // namespace papilio::detail
