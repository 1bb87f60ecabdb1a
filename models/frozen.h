// How a checkpoint file holds a frozen twiddle. Internal to checkpoints.
#pragma once

#include <string>

#include "papilio/core/tensor.h"

namespace papilio::models {

/// The tensor for the file, [nstacks, nblocks log2 n + 1, n/2, 2], from a twiddle (nstacks,
/// nblocks, log2 n, n/2, 2, 2) that is a unit_diagonal_twiddle(): the entries upper right and lower
/// left of the 2 x 2 matrices of each factor, and at last the diagonal entries of those of the last
/// factor; all others are 1. Throws Error, with the `name` of the tensor, when they are not.
Tensor compact_twiddle(const Tensor& twiddle, const std::string& name);
/// The inverse, to the bit. Throws Error when the shape is not of that form, or a value is not
/// finite.
Tensor expanded_twiddle(const Tensor& compact, const std::string& name);

}  // namespace papilio::models
