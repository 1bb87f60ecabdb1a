// The dense network that is as fast as another.
#pragma once

#include <cstdint>

#include "papilio/layers/module.h"

namespace papilio::compression_table {

/// The width of the widest dense hidden layer with which a network of so many classes takes no
/// longer for one image than `reference` does, measured beside it.
int64_t width_of_latency(Module& reference, int64_t classes);

}  // namespace papilio::compression_table
