// ImageSet: labelled images of one shape, held in memory. What the readers of CIFAR-10 and IDX
// files return.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "papilio/data/dataset.h"

namespace papilio::data {

/// A Dataset whose copies share the pixels.
class ImageSet {
 public:
  /// Images of `shape` [height, width, channels], one after the other, as levels 0..255: a pixel is
  /// level / 255. Throws Error unless there are as many images as labels, at least one, and every
  /// label has a class (when info.classes is not empty).
  ImageSet(DatasetInfo info, const Shape& shape, std::vector<uint8_t> levels,
           std::vector<int64_t> labels);
  /// Images as f32 [count, height, width, channels].
  ImageSet(DatasetInfo info, Tensor pixels, std::vector<int64_t> labels);

  int64_t size() const;
  /// Throws Error unless 0 <= i < size().
  Example get(int64_t i) const;
  int64_t label(int64_t i) const;
  const DatasetInfo& info() const;
  /// [height, width, channels].
  Shape image_shape() const;
  int64_t copy_to(int64_t i, float* pixels) const;

 private:
  struct State;
  explicit ImageSet(State state);

  std::shared_ptr<const State> state_;
};

/// DatasetInfo::input of images of this shape.
Config input_contract(const Shape& shape, int64_t pad = 0);

}  // namespace papilio::data
