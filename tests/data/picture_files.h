// The pictures of tests/data/pictures, and what they show.
#pragma once

#include <string>

#include "papilio/core/error.h"
#include "papilio/core/file.h"

namespace papilio::picture_files {

inline constexpr int64_t kHeight = 16, kWidth = 24;

inline std::string path(const std::string& name) {
  return concat(PAPILIO_SOURCE_DIR, "/tests/data/pictures/", name);
}
inline std::string bytes(const std::string& name) { return read_file(path(name)); }

/// Level of a pixel as make.py made it.
inline int level(int64_t y, int64_t x, int64_t channel) {
  const int64_t levels[] = {20 + 7 * x, 20 + 10 * y, 190 - 4 * (x + y)};
  return static_cast<int>(levels[channel]);
}

/// `jpeg` with another size in its frame header.
inline std::string with_size(std::string jpeg, int height, int width) {
  const size_t frame = jpeg.find("\xFF\xC0");
  const int sizes[] = {height >> 8, height & 255, width >> 8, width & 255};
  for (size_t i = 0; i < 4; ++i) jpeg.at(frame + 5 + i) = static_cast<char>(sizes[i]);
  return jpeg;
}

}  // namespace papilio::picture_files
