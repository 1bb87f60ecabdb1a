// Gradient clipping, between backward() and step().
#pragma once

#include <vector>

#include "papilio/core/parameter.h"

namespace papilio::optim {

/// Scales the gradients of all unfrozen parameters by max_norm / (norm + 1e-6) when that is below
/// 1, where norm is the L2 norm of all of them together, as PyTorch's clip_grad_norm_. Returns the
/// norm before; max_norm = infinity only measures. The norm is summed in double, in an order that
/// does not depend on the thread count. Throws Error unless max_norm > 0, and when the norm is not
/// finite, with the first parameter whose gradient isn't.
double clip_gradient_norm(const std::vector<Parameter>& parameters, double max_norm);

}  // namespace papilio::optim
