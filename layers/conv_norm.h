// conv_norm: a convolution and the batch norm behind it, in inference as one convolution, in
// training as one op.
#pragma once

#include "papilio/layers/conv2d.h"
#include "papilio/layers/norm.h"

namespace papilio {

/// Undefined tensors are left out.
struct ConvNormInputs {
  Tensor residual =
      {};             ///< added to the normalised result, before the activation fused to the norm
  Tensor order = {};  ///< i64 [in]: x stands for gather(x, order), as after a channel shuffle
  /// i64 [in], for a depthwise convolution: x holds channel places[i] at place i, and so does the
  /// result.
  Tensor places = {};
};

/// norm(conv(x), residual). Where the norm's statistics are constants and no gradient is wanted, it
/// is one convolution by weights w gamma / sqrt(variance + epsilon), which are kept until one of
/// these is written, and the addition and the activation are made in the same pass. By the
/// statistics of the batch it is conv2d_batch_norm(), if there is no bias. While a CallObserver
/// watches, the layers run one by one.
Tensor conv_norm(Conv2d& conv, BatchNorm2d& norm, const Tensor& x,
                 const ConvNormInputs& inputs = {});

/// The same of conv2d(x, weight, {}, options), as by a weight that a layer computes.
Tensor conv_norm(const Tensor& weight, const Conv2dOptions& options, BatchNorm2d& norm,
                 const Tensor& x, const ConvNormInputs& inputs = {});

/// second_norm(second(first_norm(first(x))), residual): conv_norm() twice, or by the statistics of
/// the batch and where it is the faster one, norm_conv_norm() after the first convolution: a 1x1
/// convolution of few channels in each group to more, behind a norm without an activation.
Tensor conv_norm_twice(Conv2d& first, BatchNorm2d& first_norm, Conv2d& second,
                       BatchNorm2d& second_norm, const Tensor& x, const Tensor& residual);

}  // namespace papilio
