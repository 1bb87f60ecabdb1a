// The loops behind pointwise.h over the pixels of one thread, for the SIMD target in use.
//
// The longer side of a group's matrix is cut into panels of vectors: three, two or one whole ones,
// and for what is left a half or a quarter of one, so that few lanes are wasted.
#pragma once

#include <cstdint>

namespace papilio::kernels {

/// Columns first .. first + count - 1 of every group's matrix, padded to `width` in packed form.
struct Panel {
  int64_t first, count, width;
};

/// What a tile multiplies by a matrix.
struct TileFactor {
  int64_t inner = 0;
  const float* x = nullptr;
  int64_t x_step = 0;             ///< from a pixel of x to the next
  const float* packed = nullptr;  ///< [groups, inner, width]
};

/// y[p, g, n] = bias[g, n] + sum over k of x[p, g, k] matrix[g, k, n] + residual[p, g, n], with
/// `relu` at least 0, for the columns n of a panel.
struct MultiplyTile {
  int64_t pixels, groups, columns;  ///< columns of y in a group
  Panel panel;
  TileFactor factor;
  TileFactor another;     ///< whose product is added; of inner 0: none
  const int64_t* order;   ///< where each [g, k] of a pixel lies in x; null: in order. No other then
  const float* bias;      ///< [groups, columns] and readable as far as a panel reaches, or null
  const float* residual;  ///< as y, or null
  bool relu;
  bool from_memory;  ///< rather than from a cache: what comes later is asked for
  float* y;
};

/// sums[g, r, n] += sum over p of a[p, g, r] b[p, g, n] for the columns n of a panel.
struct OuterTile {
  int64_t pixels, groups, rows, columns;  ///< rows of a and columns of b in a group
  Panel panel;
  const float *a, *b;
  int64_t readable;  ///< numbers from b to the end of its array
  float* sums;       ///< [groups, rows, width]
};

using OuterLoop = void (*)(const OuterTile&);
struct PointwiseLoops {
  int64_t pixels_at_once;  ///< what a tile should have a multiple of
  Panel (*next_panel)(int64_t first, int64_t columns);
  void (*multiply)(const MultiplyTile&);
  OuterLoop add_outer;
};
PointwiseLoops pointwise_loops();
OuterLoop pointwise_outer_loop();  ///< that of pointwise_loops()

}  // namespace papilio::kernels
