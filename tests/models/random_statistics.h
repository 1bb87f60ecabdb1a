// Statistics of made-up pixels.
#pragma once

#include "papilio/core/random.h"
#include "papilio/data/statistics.h"

namespace papilio::testing {

/// Means of 0.3 to 0.6 and deviations of 0.1 to 0.4, [features].
inline data::Statistics random_statistics(int64_t features) {
  return {.mean = rand_uniform({features}, 0.3, 0.6, Rng(4)),
          .deviation = rand_uniform({features}, 0.1, 0.4, Rng(5)),
          .input = {}};
}

}  // namespace papilio::testing
