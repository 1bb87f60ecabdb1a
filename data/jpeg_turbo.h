// JPEG by libjpeg-turbo, where it was there when the library was built: two to three times as fast
// as stb_image, and it can decode a part of a picture, or all at a smaller size.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "papilio/data/picture.h"

namespace papilio::data {

bool have_jpeg_turbo();

/// Which pixels of the picture, and at which scale: `eighths` 8 is full size, 1 to 7 is decoded
/// smaller than it was stored. The rectangle is of pixels at that scale.
struct JpegPart {
  int64_t top = 0, left = 0, height = 0, width = 0;
  int eighths = 8;
};
/// Size of the whole picture at a scale.
inline int64_t jpeg_scaled(int64_t size, int eighths) { return (size * eighths + 7) / 8; }

/// Exactly `part`, which lies in the picture. Its pixels are those of the whole picture.
/// Throws DamagedPicture that names the file.
Picture decode_jpeg_turbo(std::span<const std::byte> bytes, const std::string& name,
                          const JpegPart& part);

}  // namespace papilio::data
