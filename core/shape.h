// The sizes of a Tensor's axes.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace papilio {

/// Up to eight axis sizes, slowest first, all >= 0; held inline, so that a Shape never allocates.
/// {} is a scalar.
class Shape {
 public:
  static constexpr int64_t kMaxRank = 8;

  Shape() = default;
  Shape(std::initializer_list<int64_t> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}
  /// Throws Error when there are more than kMaxRank sizes or one is negative.
  explicit Shape(std::span<const int64_t> sizes);

  int64_t rank() const { return rank_; }
  /// Size of `axis`; a negative axis counts from the end. Throws Error when there is no such axis.
  int64_t operator[](int64_t axis) const { return sizes_[index(axis)]; }
  /// Product of the sizes; 1 for a scalar. Throws Error beyond 63 bits.
  int64_t numel() const {
    int64_t count = 1;
    for (int64_t size : *this)
      if (__builtin_mul_overflow(count, size, &count)) [[unlikely]]
        too_many();
    return count;
  }
  const int64_t* begin() const { return sizes_.data(); }
  const int64_t* end() const { return sizes_.data() + rank_; }

  /// The same shape with one axis of another size.
  Shape with(int64_t axis, int64_t size) const;
  /// All axes but the last.
  Shape leading() const { return prefix(rank_ - 1); }
  /// The first `count` axes.
  Shape prefix(int64_t count) const;
  /// One more axis at the end.
  Shape append(int64_t size) const;

  bool operator==(const Shape& other) const;

 private:
  size_t index(int64_t axis) const {
    const int64_t i = axis < 0 ? axis + rank_ : axis;
    if (i < 0 || i >= rank_) [[unlikely]]
      no_axis(axis);
    return static_cast<size_t>(i);
  }
  [[noreturn]] void no_axis(int64_t axis) const;
  [[noreturn]] void too_many() const;

  std::array<int64_t, kMaxRank> sizes_{};
  int64_t rank_ = 0;
};

/// "[64, 300]".
std::string text(const Shape& shape);

}  // namespace papilio
