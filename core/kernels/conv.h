// Convolution of channels-last images on raw arrays: in float oneDNN or a kernel of ours, by a
// table of shapes; a reference of im2col and matrix products in any type.
#pragma once

#include <cstdint>

namespace papilio::kernels {

/// x [batch, height, width, in], weight [out, in / groups, kernel_height, kernel_width],
/// y [batch, out_height, out_width, out], all row-major.
struct ConvShape {
  int64_t batch, height, width, in, out;
  int64_t kernel_height, kernel_width, stride, padding, dilation, groups;

  int64_t out_height() const { return outputs(height, kernel_height); }
  int64_t out_width() const { return outputs(width, kernel_width); }
  int64_t in_per_group() const { return in / groups; }
  int64_t out_per_group() const { return out / groups; }
  /// Negative or zero when the kernel is larger than the padded image.
  int64_t outputs(int64_t size, int64_t kernel) const {
    const int64_t room = size + 2 * padding - dilation * (kernel - 1) - 1;
    return room < 0 ? 0 : room / stride + 1;
  }
};

/// y = x * weight + bias; bias [out] may be null. T is float or double.
template <class T>
void conv_forward(const ConvShape& shape, const T* x, const T* weight, const T* bias, T* y);
/// dx from dy, as x and y.
template <class T>
void conv_backward_data(const ConvShape& shape, const T* dy, const T* weight, T* dx);
/// dweight from x and dy. The gradient of the bias is column_sums of dy.
template <class T>
void conv_backward_weight(const ConvShape& shape, const T* x, const T* dy, T* dweight);

/// The same by oneDNN.
void conv_forward_onednn(const ConvShape& shape, const float* x, const float* weight,
                         const float* bias, float* y);
void conv_backward_data_onednn(const ConvShape& shape, const float* dy, const float* weight,
                               float* dx);
void conv_backward_weight_onednn(const ConvShape& shape, const float* x, const float* dy,
                                 float* dweight);

/// The same by im2col and gemm: what the fast path is compared with, and what runs in double.
template <class T>
void conv_forward_reference(const ConvShape& shape, const T* x, const T* weight, const T* bias,
                            T* y);
template <class T>
void conv_backward_data_reference(const ConvShape& shape, const T* dy, const T* weight, T* dx);
template <class T>
void conv_backward_weight_reference(const ConvShape& shape, const T* x, const T* dy, T* dweight);

}  // namespace papilio::kernels
