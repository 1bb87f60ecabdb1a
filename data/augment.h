// What training on ImageNet does to a picture, as torchvision does it: where to cut, and colours.
#pragma once

#include <cstdint>

#include "papilio/core/random.h"
#include "papilio/data/picture.h"

namespace papilio::data {

/// RandomResizedCrop: a box of 8 % to 100 % of the area and a ratio of width to height of 3/4 to
/// 4/3, at whole pixels; after ten boxes that don't fit, the largest one in the centre.
Box random_resized_crop(int64_t height, int64_t width, Rng key);

/// How far a colour may change: brightness, contrast and saturation are each multiplied by a factor
/// drawn from [max(0, 1 - x), 1 + x], in random order. 0 leaves it alone.
struct ColourJitter {
  double brightness = 0, contrast = 0, saturation = 0;

  bool operator==(const ColourJitter&) const = default;
};
/// `count` pixels of red, green and blue in [0, 1].
void jitter_colours(float* pixels, int64_t count, const ColourJitter& jitter, Rng key);

}  // namespace papilio::data
