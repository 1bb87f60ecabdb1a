#include "papilio/data/picture_input.h"

#include <algorithm>
#include <cmath>

namespace papilio::data {
namespace {

constexpr int64_t kMaxSide = 8192;

// Half of what is left over, as torchvision's centre crop rounds it.
int64_t margin(int64_t size, int64_t window) {
  return static_cast<int64_t>(std::nearbyint(static_cast<double>(size - window) / 2));
}

}  // namespace

PictureInput PictureInput::from(const Config& input, bool wide) {
  const Config& c = input.is_null() ? Config::object() : input;
  c.expect_keys({"height", "width", "channels", "grayscale", "pad", "resize", "exif"},
                "image folder: the input");
  PictureInput result;
  result.height = c.get("height", c.get("width", result.height));
  result.width = c.get("width", result.height);
  result.channels = c.get("channels", c.get("grayscale", false) ? 1 : 3);
  const int64_t side = std::max(result.height, result.width);
  result.resize = c.get("resize", wide ? (256 * side + 112) / 224 : side);
  result.exif = c.get("exif", false);
  const bool sizes = std::min(result.height, result.width) >= 1 && side <= kMaxSide;
  check(sizes, "image folder: the input ", c.dump(), " wants images of ", result.width, " x ",
        result.height, "; 1 to ", kMaxSide, " pixels a side can be made");
  check(result.resize >= side && result.resize <= 2 * kMaxSide, "image folder: the input ",
        c.dump(), " wants the short side resized to ", result.resize,
        ", it must be at least that of the image and at most ", 2 * kMaxSide);
  check((result.channels == 1 || result.channels == 3) &&
            c.get("grayscale", result.channels == 1) == (result.channels == 1) &&
            c.get("pad", 0) == 0,
        "image folder: the input ", c.dump(),
        " does not fit: pictures give 3 channels, or 1 in grayscale, and are not padded");
  return result;
}

Config PictureInput::to_config() const {
  return {
      {"height", height}, {"width", width},   {"channels", channels}, {"grayscale", channels == 1},
      {"pad", 0},         {"resize", resize}, {"exif", exif}};
}

Resize PictureInput::centre(int64_t picture_height, int64_t picture_width) const {
  const int64_t shorter = std::min(picture_height, picture_width);
  const auto scaled = [&](int64_t side) {
    return side == shorter ? resize : resize * side / shorter;
  };
  Resize how{.box = {0, 0, static_cast<double>(picture_height), static_cast<double>(picture_width)},
             .box_height = scaled(picture_height),
             .box_width = scaled(picture_width)};
  how.height = height;
  how.width = width;
  how.top = margin(how.box_height, height);
  how.left = margin(how.box_width, width);
  return how;
}

}  // namespace papilio::data
