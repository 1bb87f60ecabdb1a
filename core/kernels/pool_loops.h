// The loops of pooling over one row of pixels, for the SIMD target in use. For pool.cc.
#pragma once

#include <cstdint>

namespace papilio::kernels {

/// Places first .. end - 1 along one axis.
struct Span {
  int64_t first, end;
};

/// A row of pixels, and the rectangles of other pixels that they are made of: columns[w] of the
/// rows x[0 .. rows - 1].
template <class T>
struct PoolRow {
  int64_t channels, width, rows;
  const Span* columns;                     ///< [width]
  const T* const* x;                       ///< [rows]
  const int32_t* const* places = nullptr;  ///< rows of indices beside those of x
  int64_t first_place, place_step;         ///< index of pixel 0 of x[0], and steps between rows
};

template <class T>
struct PoolLoops {
  /// y[w] = factor times the sum of the rectangle.
  void (*sum)(const PoolRow<T>& row, T factor, T* y);
  /// y[w] = the largest of the rectangle, and its index to `place` unless that is null: the first
  /// of equal ones; NaN wins. No rectangle is empty.
  void (*largest)(const PoolRow<T>& row, T* y, int32_t* place);
  /// y[w] = the sum of those of the rectangle whose places[] are place + w.
  void (*sum_where)(const PoolRow<T>& row, int64_t place, T* y);
};
template <class T>
PoolLoops<T> pool_loops();

}  // namespace papilio::kernels
