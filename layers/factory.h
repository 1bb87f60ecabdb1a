// Hidden layers by name, for configurations and command lines.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "papilio/layers/structured_linear.h"

namespace papilio {

/// dense | butterfly | kmatrix | kmatrix-orthogonal | bpbp | bpbp-complex: real in, real out (f32),
/// with a bias. Throws Error that lists the names for another one.
std::unique_ptr<StructuredLinear> make_hidden(std::string_view name, int64_t in_features,
                                              int64_t out_features, Rng rng);
/// The names, in the order above.
std::vector<std::string_view> hidden_names();

}  // namespace papilio
