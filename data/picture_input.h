// How a picture becomes the image that a model takes, as DatasetInfo::input of image_folder.h says.
#pragma once

#include <cstdint>

#include "papilio/core/config.h"
#include "papilio/data/resize_image.h"

namespace papilio::data {

struct PictureInput {
  int64_t height = 224, width = 224;
  int64_t channels = 3;  ///< 1: the plain mean of red, green and blue
  int64_t resize = 256;  ///< pixels of the short side before the centre is cut out
  bool exif = false;

  /// Without "resize": 256/224 of the larger side when `wide`, else that side itself. Throws Error
  /// that says what does not fit.
  static PictureInput from(const Config& input, bool wide);
  Config to_config() const;
  Shape shape() const { return {height, width, channels}; }

  /// The centre of a picture of this size, resized.
  Resize centre(int64_t picture_height, int64_t picture_width) const;
};

}  // namespace papilio::data
