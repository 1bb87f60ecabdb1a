// Files that are either whole or not there.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace papilio {

/// Receives bytes in order.
using ByteSink = std::function<void(const void* bytes, size_t count)>;

/// Writes `path` through `produce`: to a temporary name in the same folder, flushed to the disk,
/// then renamed over `path` and the folder flushed. On any failure (a full disk, an exception from
/// `produce`) the temporary file is removed, an older `path` survives untouched, and Error names
/// the file and the reason. A link is followed; a device or pipe is written in place. A killed
/// process can leave the temporary file behind: `path` followed by ".<process id>.<number>.tmp".
void write_file(const std::string& path, const std::function<void(const ByteSink&)>& produce);
void write_file(const std::string& path, std::string_view bytes);

/// The whole file. Throws Error that names the file and the reason; also when it is larger than
/// `limit` bytes.
std::string read_file(const std::string& path, int64_t limit = int64_t{1} << 33);

}  // namespace papilio
