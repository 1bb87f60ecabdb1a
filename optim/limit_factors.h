// Weight normalisation of the factors of structured matrices.
#pragma once

#include <vector>

#include "papilio/core/parameter.h"

namespace papilio::optim {

/// Call it after step(). Of every structured parameter that holds matrices
/// (ParameterHints::rows_axis) it scales down each factor, the matrices along the axis before the
/// rows, whose root mean square is above 1/sqrt(columns): there a random factor keeps the size of
/// its input, and a product of ten larger ones grows without bound. Untied twiddles have log2 n
/// factors a block; a tied block, and each half of a Monarch matrix, counts as one. As in
/// Potapczynski et al. 2024, "Searching for Efficient Linear Layers over a Continuous Space of
/// Structured Matrices", without trained gains.
void limit_factors(const std::vector<Parameter>& parameters);

}  // namespace papilio::optim
