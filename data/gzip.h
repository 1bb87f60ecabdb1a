// Unpacking gzip in memory, bounded.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace papilio::data {

/// Deflate never packs better: a gzip file of n bytes holds at most kGzipRatio * n.
inline constexpr int64_t kGzipRatio = 1032;

bool is_gzip(std::span<const std::byte> bytes);

/// The content, or its first `limit` bytes when there are more. Memory grows with what really comes
/// out. Throws Error that names the file when it is corrupt or cut off, or has bytes after its end.
std::string gunzip(std::span<const std::byte> bytes, size_t limit, const std::string& name);

}  // namespace papilio::data
