// The loops of batch norm over rows that one thread takes, for the SIMD target in use. For
// channel_norm.cc, which cuts the rows into chunks.
#pragma once

#include <cstdint>

namespace papilio::kernels {

/// What the passes over a range of rows get. Arrays of statistics are `width` long, a multiple of
/// every vector, unless it is `channels`.
template <class T>
struct ChannelPass {
  int64_t count, width;  ///< wide rows and their length
  const T *x = nullptr, *mean = nullptr, *dy = nullptr, *residual = nullptr;
  const T *factor = nullptr, *shift = nullptr, *x_factor = nullptr;
  const T *gate_y = nullptr, *gate_factor = nullptr, *gate_shift = nullptr;
  bool relu = false;
  T *y = nullptr, *sum = nullptr, *products = nullptr;
};

template <class T>
using ChannelLoop = void (*)(const ChannelPass<T>&);

/// y = (x - mean) factor + shift + residual, then max(y, 0) with relu; shift and residual may be
/// null.
template <class T>
ChannelLoop<T> scale_loop();
/// y = dy factor + (x - mean) x_factor + shift, dy gated by gate_factor and gate_shift.
template <class T>
ChannelLoop<T> gradient_loop();
/// sum and products = the sums of x - mean and of its square.
template <class T>
ChannelLoop<T> deviations_loop();
/// sum = the sums of dy, which a gate_y gates and writes to y; products are zeros.
template <class T>
ChannelLoop<T> gate_loop();
/// sum and products = the sums of dy and of dy (x - mean), dy gated one way or the other; a gate by
/// gate_y writes the gated dy to y.
template <class T>
ChannelLoop<T> gradient_sums_loop();

/// A block of rows of channels, for covariances: adds the sums of x - pivot to `sum` [channels],
/// and those of the products of channels c and c + lag to `products` [lags, channels].
template <class T>
struct MomentPass {
  int64_t count, channels, lags;
  const T *x, *pivot;
  T* room;  ///< [count, channels] and a vector beyond the last lag
  T *sum, *products;
};
template <class T>
using MomentLoop = void (*)(const MomentPass<T>&);
template <class T>
MomentLoop<T> moments_loop();

}  // namespace papilio::kernels
