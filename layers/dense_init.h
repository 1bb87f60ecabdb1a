// Initial values of dense weights.
#pragma once

#include <cstdint>
#include <string_view>

#include "papilio/core/random.h"

namespace papilio {

/// "uniform": in +-1/sqrt(fan_in), PyTorch's default for linear and convolution; "normal": N(0,
/// 1/fan_in); "he": N(0, 2/fan_out), He et al. 2015 for the backward pass, where fan_out is that of
/// PyTorch, all outputs times the kernel's size; "small": N(0, 1e-6), for the last layer of a
/// classifier, which then begins by giving all classes nearly the same. Throws Error that lists the
/// names, with `layer` in front, for another `init`.
Tensor initial_weight(std::string_view layer, std::string_view init, const Shape& shape,
                      int64_t fan_in, DType dtype, Rng rng);

}  // namespace papilio
