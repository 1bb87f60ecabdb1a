// Layers by name, for configurations, command lines and checkpoints.
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

/// A structured layer from what its config() returned: of the same kind, sizes and dtype, with
/// values of its own that a checkpoint overwrites. Throws Error when a key is missing or wrong.
std::unique_ptr<StructuredLinear> make_structured(const Config& config);

}  // namespace papilio
