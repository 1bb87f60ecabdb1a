// Operands of the measured programs.
#pragma once

#include <cstdint>

#include "papilio/core/dtype.h"
#include "papilio/core/memory.h"

namespace papilio::bench {

/// `size` numbers in [-scale, scale], every page touched: first touches are slow on virtual
/// machines, and would be measured with the first call. T may be real or complex.
template <class T>
class Array {
 public:
  explicit Array(int64_t size, double scale = 1)
      : size_(size), buffer_(static_cast<size_t>(size) * sizeof(T)) {
    fill(scale);
  }

  T* data() const { return buffer_.template as<T>(); }
  int64_t size() const { return size_; }

  /// Back to the values of the constructor. Values repeat after 2^16; none is subnormal.
  void fill(double scale) const {
    auto* values = buffer_.template as<real_type<T>>();
    const int64_t count = size_ * (is_complex_type<T> ? 2 : 1);
    uint32_t state = 1;
    for (int64_t i = 0; i < count; ++i) {
      state = state * 1664525u + 1013904223u;
      values[i] = static_cast<real_type<T>>(scale * ((state >> 16) - 32767.5) / 32768);
    }
  }

 private:
  int64_t size_;
  Buffer buffer_;
};

}  // namespace papilio::bench
