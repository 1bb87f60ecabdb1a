// A decoded picture, and what is thrown for one that can't be decoded.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "papilio/core/error.h"

namespace papilio::data {

/// Levels [height, width, 3]: red, green, blue, 0 to 255.
struct Picture {
  int64_t height = 0, width = 0;
  std::vector<uint8_t> levels = {};
};

/// A rectangle of a picture, in its pixels; the centre of the first pixel is at (0.5, 0.5).
struct Box {
  double top = 0, left = 0, height = 0, width = 0;

  bool operator==(const Box&) const = default;
};

/// The file is at fault, not the machine: the same bytes fail again anywhere.
class DamagedPicture : public Error {
 public:
  using Error::Error;
};

/// Throws DamagedPicture with the concatenated arguments unless `ok`.
template <class... Args>
void check_picture(bool ok, const Args&... args) {
  if (!ok) [[unlikely]]
    throw DamagedPicture(concat(args...));
}

}  // namespace papilio::data
