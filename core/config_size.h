// Sizes in a Config that may come from anybody's file.
#pragma once

#include <string_view>

#include "papilio/core/config.h"

namespace papilio {

/// What no size in a file reaches: products of two of them, and their bytes, fit into 63 bits.
inline constexpr int64_t kMostSize = 1 << 24;

/// The member `key`, an integer from `least` to `most`. Throws Error that names the key, the value
/// and the range when it is something else.
int64_t size_at(const Config& config, std::string_view key, int64_t least = 1,
                int64_t most = kMostSize);

}  // namespace papilio
