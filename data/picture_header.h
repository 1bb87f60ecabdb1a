// What a picture file says of itself before it is decoded, and whether decoding it is safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace papilio::data {

enum class PictureFormat { jpeg, png };

struct PictureHeader {
  PictureFormat format;
  int64_t height, width;
  int channels;         ///< as stored: 1, 2, 3 or 4; of an indexed PNG 1
  int orientation = 1;  ///< of the Exif block of a JPEG, 1 to 8; 1 is upright
  bool adobe = false;   ///< a JPEG with Adobe's marker, which stores CMYK inverted
};

/// PIL's own limit is the same.
inline constexpr int64_t kMaxPixels = 178'956'970;

/// Reads the header of a JPEG or PNG file, whatever its name ends in. Throws DamagedPicture that
/// names the file when it is neither; when it is cut short; when its header claims more than
/// `max_pixels`, or more than its bytes can hold; and when decoding it would take absurdly long: a
/// progressive JPEG of more than 500 scans, or of too many for its size. Nothing of the claimed
/// size has then been allocated.
PictureHeader read_picture_header(std::span<const std::byte> bytes, const std::string& name,
                                  int64_t max_pixels = kMaxPixels);

/// Tag 0x0112 of an Exif block, which begins with its TIFF header; 1 when there is none or the
/// block is malformed.
int exif_orientation(std::span<const std::byte> tiff);

}  // namespace papilio::data
