// Sums of gradients, for the tape and parameters.
#pragma once

#include "papilio/core/tensor.h"

namespace papilio::detail {

/// total += term. An undefined total becomes `term` itself, without a copy; a total that others
/// hold too is replaced by a new tensor rather than written. Shapes and dtypes are equal.
void accumulate(Tensor& total, Tensor term);

}  // namespace papilio::detail
