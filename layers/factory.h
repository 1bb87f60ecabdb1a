// Layers by name, for configurations, command lines and checkpoints.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "papilio/layers/structured_linear.h"

namespace papilio {

/// dense | butterfly | kmatrix | kmatrix-orthogonal | bpbp | bpbp-complex | circulant | fastfood,
/// and, with a rank after a colon if wanted, toeplitz-like:4 | low-rank:4 | ldr-td:1 | ldr-sd:3,
/// and monarch:BLOCKS: real in, real out (f32), with a bias. Without a number the ranks are those
/// written here, which at 1024 features need as many numbers as bpbp (Dao et al. 2019, Table 1),
/// and Monarch has about sqrt(features) blocks. Throws Error that lists the names for another one.
std::unique_ptr<StructuredLinear> make_hidden(std::string_view name, int64_t in_features,
                                              int64_t out_features, Rng rng);
/// The names without numbers.
std::vector<std::string_view> hidden_names();

/// A structured layer from what its config() returned: of the same kind, sizes and dtype, with
/// values of its own that a checkpoint overwrites. Throws Error when a key is missing or wrong.
std::unique_ptr<StructuredLinear> make_structured(const Config& config);

}  // namespace papilio
