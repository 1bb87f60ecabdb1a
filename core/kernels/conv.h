// Convolution of channels-last images on raw arrays: in float oneDNN or a kernel of ours, by a
// table of shapes; a reference of im2col and matrix products in any type.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>

#include "papilio/core/memory.h"

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

/// Numbers that are at hand in a core's cache when they were written just before.
constexpr int64_t kCached = 1 << 18;

/// What a convolution does in the same pass over memory.
template <class T>
struct ConvFusion {
  const T* bias = nullptr;         ///< [out], or null: none
  const T* residual = nullptr;     ///< as y, added to it; or null: none
  bool relu = false;               ///< then max(y, 0)
  const int64_t* order = nullptr;  ///< [in], channel order[i] of x stands for channel i; or null
  bool from_memory = false;        ///< a piece of arrays that are larger than a cache
};

/// y = x * weight, and what is fused. T is float or double; an order only for what
/// conv_takes_order(). `packed` is null or of conv_pack().
template <class T>
void conv_forward(const ConvShape& shape, const T* x, const T* weight, const ConvFusion<T>& fused,
                  T* y, const Buffer* packed = nullptr);
/// Whether conv_forward<float> takes a ConvFusion::order.
bool conv_takes_order(const ConvShape& shape);

/// conv_forward with nothing fused, and channel_statistics of y, where a kernel of ours runs while
/// y is still in the cache.
template <class T>
void conv_forward_statistics(const ConvShape& shape, const T* x, const T* weight, T* y, T* mean,
                             T* variance);

/// The weight as the kernel behind conv_forward<float> wants it, for many calls; null when it wants
/// it as it is.
std::shared_ptr<const Buffer> conv_pack(const ConvShape& shape, const float* weight,
                                        const ConvFusion<float>& fused);
/// Calls with the same numbers here share what conv_pack() made of a weight.
std::array<int64_t, 3> conv_packing(const ConvShape& shape, const ConvFusion<float>& fused);

/// dx from dy, as x and y, plus `term`, as dx and perhaps dx itself, or null: only where
/// conv_adds().
template <class T>
void conv_backward_data(const ConvShape& shape, const T* dy, const T* weight, T* dx,
                        const T* term = nullptr);
/// Whether conv_backward_data<float> takes a term.
bool conv_adds(const ConvShape& shape);
/// dweight from x and dy. The gradient of the bias is column_sums of dy.
template <class T>
void conv_backward_weight(const ConvShape& shape, const T* x, const T* dy, T* dweight);

/// Both gradients at once, of a dy that is computed in pieces, which stay in the cache and are
/// written nowhere else: only where conv_backward_in_pieces(). dy(first, count, to) writes pixels
/// first .. first + count - 1 of it, on several threads.
using DyPieces = std::function<void(int64_t first, int64_t count, float* to)>;
void conv_backward(const ConvShape& shape, const float* x, const float* weight, const DyPieces& dy,
                   float* dx, const float* term, float* dweight);
bool conv_backward_in_pieces(const ConvShape& shape);

/// A dy [pixels, out] that a ReLU behind its y let pass only in part.
template <class T>
struct GatedDy {
  const T* all;
  const T* y = nullptr;  ///< it passed where this is > 0; or null: everywhere
  T* passed = nullptr;   ///< what passed goes here, perhaps `all` itself; null without y
};
/// sums [out] = sum of the dy that passed, products [out, in / groups] = sum of it times x - mean,
/// mean [in], over the pixels of a 1x1 convolution.
template <class T>
void conv_gated_products(const ConvShape& shape, const T* x, const T* mean, const GatedDy<T>& dy,
                         T* sums, T* products);
/// dx = the gradient by dy + x of_x^T + shift; of_x [in, in / groups], in groups as a weight, and
/// shift [in], of a 1x1 convolution.
template <class T>
void conv_backward_affine(const ConvShape& shape, const T* dy, const T* weight, const T* x,
                          const T* of_x, const T* shift, T* dx);
/// What both take.
bool is_pointwise(const ConvShape& shape);

/// The same by oneDNN.
void conv_forward_onednn(const ConvShape& shape, const float* x, const float* weight,
                         const ConvFusion<float>& fused, float* y, const Buffer* packed = nullptr);
std::shared_ptr<const Buffer> conv_pack_onednn(const ConvShape& shape, const float* weight,
                                               const ConvFusion<float>& fused);
/// A number for the order of the packed weight.
int64_t conv_packing_onednn(const ConvShape& shape, const ConvFusion<float>& fused);
void conv_backward_data_onednn(const ConvShape& shape, const float* dy, const float* weight,
                               float* dx);
void conv_backward_weight_onednn(const ConvShape& shape, const float* x, const float* dy,
                                 float* dweight);

/// The same by im2col and gemm: what the fast path is compared with, and what runs in double.
template <class T>
void conv_forward_reference(const ConvShape& shape, const T* x, const T* weight,
                            const ConvFusion<T>& fused, T* y);
template <class T>
void conv_backward_data_reference(const ConvShape& shape, const T* dy, const T* weight, T* dx);
template <class T>
void conv_backward_weight_reference(const ConvShape& shape, const T* x, const T* dy, T* dweight);

}  // namespace papilio::kernels
