// Pooling of channels-last images on raw arrays. T is float or double. The same bits for every
// number of threads.
#pragma once

#include <cstdint>

namespace papilio::kernels {

/// x [batch, height, width, channels], y [batch, out_height, out_width, channels]; square windows.
struct PoolShape {
  int64_t batch, height, width, channels;
  int64_t kernel, stride, padding;

  int64_t out_height() const { return (height + 2 * padding - kernel) / stride + 1; }
  int64_t out_width() const { return (width + 2 * padding - kernel) / stride + 1; }
};

/// The largest value under each window, and the pixel of the image (row * width + column) where it
/// stands, the first one when several are equal; NaN wins. `pixels` has the shape of y and may be
/// null.
template <class T>
void max_pool(const PoolShape& shape, const T* x, T* y, int32_t* pixels);
/// dx = the sum of the dy whose window had its maximum there.
template <class T>
void max_pool_backward(const PoolShape& shape, const T* dy, const int32_t* pixels, T* dx);

/// The sum under each window, divided by kernel^2.
template <class T>
void avg_pool(const PoolShape& shape, const T* x, T* y);
template <class T>
void avg_pool_backward(const PoolShape& shape, const T* dy, T* dx);

}  // namespace papilio::kernels
