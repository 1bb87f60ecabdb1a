// Any bytes are either refused with an Error or become a picture of the size that its header says:
// by both decoders, whole and in part, and the same one every time. The same bytes are also read as
// an Exif block.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "papilio/data/decode_image.h"

using namespace papilio::data;

namespace {

const std::string kName = "fuzz.JPEG";

void check_picture_size(const Picture& picture) {
  if (picture.levels.size() != static_cast<size_t>(3 * picture.height * picture.width))
    std::abort();
}

void decode(std::span<const std::byte> bytes, const DecodeOptions& options, unsigned random) {
  try {
    const EncodedPicture encoded(bytes, kName, options);
    const int64_t height = encoded.height(), width = encoded.width();
    if (height * width > options.max_pixels) std::abort();
    const Picture whole = encoded.decode();
    check_picture_size(whole);
    if (whole.height != height || whole.width != width) std::abort();
    if (encoded.decode().levels != whole.levels) std::abort();
    const int64_t top = random % height, left = random / 7 % width;
    const Box box = {static_cast<double>(top), static_cast<double>(left),
                     static_cast<double>(1 + random / 3 % (height - top)),
                     static_cast<double>(1 + random / 5 % (width - left))};
    for (const PicturePart& part :
         {encoded.decode_part(box), encoded.decode_part(box, 1 + random % 64, 1 + random % 64)}) {
      check_picture_size(part.picture);
      if (part.box.top < 0 || part.box.left < 0 ||
          part.box.top + part.box.height > static_cast<double>(part.picture.height) ||
          part.box.left + part.box.width > static_cast<double>(part.picture.width))
        std::abort();
    }
  } catch (const DamagedPicture&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const int orientation = exif_orientation(bytes);
  if (orientation < 1 || orientation > 8) std::abort();
  unsigned random = 1;
  for (size_t i = 0; i < std::min<size_t>(size, 256); ++i) random = 31 * random + data[i];
  const bool exif = random % 2 == 1;
  for (const bool stb_only : {false, true})
    decode(bytes, {.apply_exif = exif, .stb_only = stb_only, .max_pixels = 1 << 18}, random / 2);
  return 0;
}
