// Resizing pictures as PIL and torchvision do: bilinear, with antialiasing when it makes them
// smaller.
#pragma once

#include <cstdint>

#include "papilio/data/picture.h"

namespace papilio::data {

/// `box` of a picture becomes [box_height, box_width] pixels; of these the window
/// [height, width] at (top, left) is wanted.
struct Resize {
  Box box;
  int64_t box_height, box_width;
  int64_t top = 0, left = 0;
  int64_t height = box_height, width = box_width;
  bool flip = false;  ///< left and right of the window exchanged
};

/// Writes [height, width, 3] values in [0, 1] to `pixels`. The filter is a triangle of one pixel on
/// each side, of the larger of both scales; it ends at the edges of the box, so that a box is
/// resized as if it had been cut out before.
void resize(const Picture& picture, const Resize& how, float* pixels);

/// The part of the picture that the window needs.
Box needed(const Resize& how);

}  // namespace papilio::data
