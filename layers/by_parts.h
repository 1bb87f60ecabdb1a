// by_parts: a network on a few images at a time.
#pragma once

#include <functional>

#include "papilio/core/tensor.h"

namespace papilio {

/// f(x) for `count` (>= 1) examples of the batch at a time, its results joined along their first
/// axis: faster in inference when all of what the layers of f hold of so few stays in a cache.
/// Parts run in parallel. On them nothing is recorded.
Tensor by_parts(const Tensor& x, int64_t count, const std::function<Tensor(const Tensor&)>& f);

}  // namespace papilio
