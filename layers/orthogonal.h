// Orthogonal initial values.
#pragma once

#include "papilio/layers/module.h"

namespace papilio {

/// Makes every matrix in the parameters of `model` a multiple of a matrix with orthonormal rows (or
/// columns, when there are more rows), the one that Gram and Schmidt make of it, so that random
/// initial values become uniformly random orthogonal ones; twiddles, blocks and dense weights alike
/// (ParameterHints::rows_axis). The matrices of one parameter get one factor, which keeps the mean
/// square of its numbers. A matrix of short rank stays as it is.
void orthogonalise(Module& model);

}  // namespace papilio
