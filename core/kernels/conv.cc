// Which kernel a convolution runs on.
#include "papilio/core/kernels/conv.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <type_traits>
#include <vector>

#include "papilio/core/error.h"
#include "papilio/core/kernels/depthwise.h"
#include "papilio/core/kernels/gemm.h"
#include "papilio/core/kernels/norm.h"
#include "papilio/core/kernels/pointwise.h"
#include "papilio/core/kernels/simd.h"
#include "papilio/core/kernels/window_conv.h"

namespace papilio::kernels {

bool is_pointwise(const ConvShape& s) {
  return s.kernel_height == 1 && s.kernel_width == 1 && s.stride == 1 && s.padding == 0;
}

namespace {

PointwiseShape pointwise(const ConvShape& s) {
  return {.pixels = s.batch * s.height * s.width,
          .groups = s.groups,
          .in = s.in_per_group(),
          .out = s.out_per_group()};
}
bool is_large(const ConvShape& s) {
  return s.batch * (s.height * s.width * s.in + s.out_height() * s.out_width() * s.out) > kCached;
}
/// The same from and to the channels of x.
ConvShape square(ConvShape s) {
  s.out = s.in;
  return s;
}
/// Whether the kernel of ours is the faster one for a product that makes `made` channels in every
/// group. In groups it is up to 192 channels each, 1.5 to 3 times where they don't fill vectors.
/// Without groups the library is, except where it would pad.
bool takes_pointwise(const ConvShape& s, int64_t made) {
  if (!is_pointwise(s) || s.batch == 0) return false;
  constexpr int64_t kVector = 16, kMostGrouped = 192, kMostDense = 96, kFewMade = 64;
  const int64_t most = std::max(s.in_per_group(), s.out_per_group());
  if (s.groups > 1) return most <= kMostGrouped;
  return most <= kMostDense && made < kFewMade && (s.in % kVector != 0 || s.out % kVector != 0);
}
/// Left to a matrix product, [out, in] of all pixels: for the gradient of a larger weight it is 1.2
/// to 1.4 times as fast as the library's convolution, and it adds to a gradient of many channels.
bool is_product(const ConvShape& s) { return is_pointwise(s) && s.groups == 1 && s.batch > 0; }
bool weight_by_product(const ConvShape& s) {
  constexpr int64_t kLarge = 1 << 13;
  return is_product(s) && s.in * s.out >= kLarge;
}
bool adds_by_product(const ConvShape& s) {
  constexpr int64_t kMany = 64;
  return is_product(s) && s.in >= kMany;
}

}  // namespace

template <>
void conv_forward(const ConvShape& s, const float* x, const float* weight,
                  const ConvFusion<float>& fused, float* y, const Buffer* packed) {
  check(!fused.order || conv_takes_order(s), "conv2d: no order of the channels for this shape");
  const auto own = packed ? nullptr : conv_pack(s, weight, fused);
  if (!packed) packed = own.get();
  if (takes_pointwise(s, s.out_per_group()))
    return pointwise_forward(pointwise(s), x, *packed, fused, y);
  if (is_depthwise3x3(s)) return depthwise3x3_forward(s, x, *packed, fused, y);
  if (is_window_conv(s)) return window_conv_forward(s, x, *packed, fused, y);
  conv_forward_onednn(s, x, weight, fused, y, packed);
}

bool conv_takes_order(const ConvShape& s) { return takes_pointwise(s, s.out_per_group()); }

std::shared_ptr<const Buffer> conv_pack(const ConvShape& s, const float* weight,
                                        const ConvFusion<float>& fused) {
  if (takes_pointwise(s, s.out_per_group()))
    return std::make_shared<const Buffer>(pointwise_pack(pointwise(s), weight));
  if (is_depthwise3x3(s)) return std::make_shared<const Buffer>(depthwise3x3_pack(s, weight));
  if (is_window_conv(s)) return std::make_shared<const Buffer>(window_conv_pack(s, weight));
  return conv_pack_onednn(s, weight, fused);
}

std::array<int64_t, 3> conv_packing(const ConvShape& s, const ConvFusion<float>& fused) {
  // Panels are as wide as the target's vectors.
  const auto target = static_cast<int64_t>(std::hash<std::string_view>()(simd_target()));
  if (takes_pointwise(s, s.out_per_group())) return {1, s.groups, target};
  if (is_depthwise3x3(s)) return {2, 0, 0};
  if (is_window_conv(s)) return {3, 0, target};
  return {4, s.groups, conv_packing_onednn(s, fused)};
}

template <>
void conv_forward_statistics(const ConvShape& s, const float* x, const float* weight, float* y,
                             float* mean, float* variance) {
  const int64_t image = s.out_height() * s.out_width(), rows = s.batch * image;
  const bool pixels = takes_pointwise(s, s.out_per_group());
  // An image at a time, where several are left to the threads and one does not fill the cache.
  constexpr int64_t kMost = 1 << 17;
  const bool images =
      (is_depthwise3x3(s) || is_window_conv(s)) && s.batch > 1 && image * s.out <= kMost;
  if (!pixels && !images) {
    conv_forward<float>(s, x, weight, {}, y);
    return channel_statistics(rows, s.out, y, mean, variance);
  }
  const auto packed = conv_pack(s, weight, {});
  channel_statistics<float>(
      rows, s.out, y, mean, variance, pixels ? 1 : image, [&](int64_t first, int64_t count) {
        ConvShape part = s;
        if (pixels)
          part.batch = 1, part.height = count, part.width = 1;
        else
          part.batch = count / image;
        const int64_t x_first = pixels ? first : first / image * s.height * s.width;
        conv_forward<float>(part, x + x_first * s.in, weight, {.from_memory = is_large(s)},
                            y + first * s.out, packed.get());
      });
}

template <>
void conv_backward_data(const ConvShape& s, const float* dy, const float* weight, float* dx,
                        const float* term) {
  check(!term || conv_adds(s), "conv2d: no addition to a gradient for this shape");
  if (takes_pointwise(s, s.in_per_group()))
    return pointwise_backward_data(pointwise(s), dy, weight, dx, term);
  if (is_depthwise3x3(s)) return depthwise3x3_backward_data(s, dy, weight, dx);
  if (term) {
    const int64_t pixels = s.batch * s.height * s.width;
    if (term != dx) std::copy_n(term, pixels * s.in, dx);
    return gemm<float>({.m = pixels, .n = s.in, .k = s.out, .accumulate = true}, dy, weight, dx);
  }
  conv_backward_data_onednn(s, dy, weight, dx);
}

bool conv_adds(const ConvShape& s) {
  return takes_pointwise(s, s.in_per_group()) || adds_by_product(s);
}

void conv_backward(const ConvShape& s, const float* x, const float* weight, const DyPieces& dy,
                   float* dx, const float* term, float* dweight) {
  check(conv_backward_in_pieces(s), "conv2d: no gradient in pieces for this shape");
  pointwise_backward(pointwise(s), x, weight, dy, dx, term, dweight);
}

bool conv_backward_in_pieces(const ConvShape& s) {
  return takes_pointwise(s, s.in_per_group()) &&
         takes_pointwise(s, std::min(s.in_per_group(), s.out_per_group()));
}

template <>
void conv_backward_weight(const ConvShape& s, const float* x, const float* dy, float* dweight) {
  if (takes_pointwise(s, std::min(s.in_per_group(), s.out_per_group())))
    return pointwise_backward_weight(pointwise(s), x, dy, dweight);
  if (weight_by_product(s))
    return gemm<float>(
        {.m = s.out, .n = s.in, .k = s.batch * s.height * s.width, .op_a = Op::transpose}, dy, x,
        dweight);
  conv_backward_weight_onednn(s, x, dy, dweight);
}

template <>
void conv_forward(const ConvShape& s, const double* x, const double* weight,
                  const ConvFusion<double>& fused, double* y, const Buffer* /*packed*/) {
  conv_forward_reference(s, x, weight, fused, y);
}
template <>
void conv_forward_statistics(const ConvShape& s, const double* x, const double* weight, double* y,
                             double* mean, double* variance) {
  conv_forward<double>(s, x, weight, {}, y);
  channel_statistics(s.batch * s.out_height() * s.out_width(), s.out, y, mean, variance);
}
template <>
void conv_backward_data(const ConvShape& s, const double* dy, const double* weight, double* dx,
                        const double* term) {
  check(!term, "conv2d: no addition to a gradient in double");
  conv_backward_data_reference(s, dy, weight, dx);
}
template <>
void conv_backward_weight(const ConvShape& s, const double* x, const double* dy, double* dweight) {
  conv_backward_weight_reference(s, x, dy, dweight);
}

template <class T>
void conv_gated_products(const ConvShape& s, const T* x, const T* mean, const GatedDy<T>& dy,
                         T* sums, T* products) {
  if constexpr (std::is_same_v<T, float>)
    if (conv_backward_in_pieces(s))
      return pointwise_gated_products(pointwise(s), x, mean, dy, sums, products);
  const int64_t pixels = s.batch * s.height * s.width;
  gate_channels<T>(pixels, s.out, dy.all, dy.y, dy.passed, sums);
  const Buffer centred(static_cast<size_t>(pixels * s.in) * sizeof(T));
  const std::vector<T> ones(static_cast<size_t>(s.in), T(1));
  scale_channels<T>(pixels, s.in, x, mean, ones.data(), nullptr, centred.as<T>());
  conv_backward_weight<T>(s, centred.as<T>(), dy.passed ? dy.passed : dy.all, products);
}

template <class T>
void conv_backward_affine(const ConvShape& s, const T* dy, const T* weight, const T* x,
                          const T* of_x, const T* shift, T* dx) {
  if constexpr (std::is_same_v<T, float>)
    if (takes_pointwise(s, s.in_per_group()))
      return pointwise_backward_affine(pointwise(s), dy, weight, x, of_x, shift, dx);
  const int64_t size = s.batch * s.height * s.width * s.in;
  const Buffer rest(static_cast<size_t>(size) * sizeof(T));
  conv_backward_data<T>(s, dy, weight, rest.as<T>());
  conv_forward<T>(square(s), x, of_x, {.bias = shift, .residual = rest.as<T>()}, dx);
}

template void conv_gated_products(const ConvShape&, const float*, const float*,
                                  const GatedDy<float>&, float*, float*);
template void conv_gated_products(const ConvShape&, const double*, const double*,
                                  const GatedDy<double>&, double*, double*);
template void conv_backward_affine(const ConvShape&, const float*, const float*, const float*,
                                   const float*, const float*, float*);
template void conv_backward_affine(const ConvShape&, const double*, const double*, const double*,
                                   const double*, const double*, double*);

}  // namespace papilio::kernels
