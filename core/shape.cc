#include "papilio/core/shape.h"

#include <algorithm>

#include "papilio/core/error.h"

namespace papilio {

Shape::Shape(std::span<const int64_t> sizes) : rank_(static_cast<int64_t>(sizes.size())) {
  check(rank_ <= kMaxRank, "shape: ", rank_, " axes, at most ", kMaxRank, " are supported");
  std::copy(sizes.begin(), sizes.end(), sizes_.begin());
  for (int64_t size : sizes) check(size >= 0, "shape: ", *this, " has a negative size");
}

void Shape::no_axis(int64_t axis) const { fail("shape: ", *this, " has no axis ", axis); }
void Shape::too_many() const {
  fail("shape: ", *this, " has more elements than 64 bits can count");
}

Shape Shape::with(int64_t axis, int64_t size) const {
  Shape result = *this;
  result.sizes_[index(axis)] = size;
  check(size >= 0, "shape: ", result, " has a negative size");
  return result;
}

Shape Shape::prefix(int64_t count) const {
  check(count >= 0 && count <= rank_, "shape: ", *this, " has no prefix of ", count, " axes");
  return Shape(std::span(begin(), static_cast<size_t>(count)));
}

Shape Shape::append(int64_t size) const {
  check(rank_ < kMaxRank, "shape: ", *this, " can't have another axis");
  Shape result = *this;
  result.sizes_[static_cast<size_t>(result.rank_++)] = size;
  check(size >= 0, "shape: ", result, " has a negative size");
  return result;
}

bool Shape::operator==(const Shape& other) const {
  return std::equal(begin(), end(), other.begin(), other.end());
}

std::string text(const Shape& shape) {
  std::string all = "[";
  for (const int64_t* size = shape.begin(); size != shape.end(); ++size)
    all += (size == shape.begin() ? "" : ", ") + std::to_string(*size);
  return all + "]";
}

}  // namespace papilio
