// The butterfly side of the comparison: the only part of `bench` that calls the butterfly kernels.
#pragma once

#include <optional>

#include "papilio/apps/bench/workload.h"

namespace papilio::bench {

/// A program that does `c` once for its whole batch, with operands of its own; none when the
/// library has no such kernel.
std::optional<Candidate> butterfly(const Case& c);

}  // namespace papilio::bench
