#include <algorithm>

#include "papilio/core/error.h"
#include "papilio/core/kernels/conv.h"
#include "papilio/core/kernels/gemm.h"
#include "papilio/core/memory.h"
#include "papilio/core/threads.h"

namespace papilio::kernels {
namespace {

/// Calls visit(pixel of the input, or -1 in the padding; place in a row of the columns) for each
/// element of the window at output (oh, ow) of one channel.
template <class Visit>
void for_each_in_window(const ConvShape& s, int64_t oh, int64_t ow, const Visit& visit) {
  for (int64_t i = 0; i < s.kernel_height; ++i)
    for (int64_t j = 0; j < s.kernel_width; ++j) {
      const int64_t h = oh * s.stride - s.padding + i * s.dilation;
      const int64_t w = ow * s.stride - s.padding + j * s.dilation;
      const bool inside = h >= 0 && h < s.height && w >= 0 && w < s.width;
      visit(inside ? h * s.width + w : -1, i * s.kernel_width + j);
    }
}

int64_t window_size(const ConvShape& s) { return s.kernel_height * s.kernel_width; }
int64_t column_count(const ConvShape& s) { return s.in_per_group() * window_size(s); }

/// columns [out_height out_width, in / groups, kernel_height, kernel_width] of one image and group.
template <class T>
void im2col(const ConvShape& s, const T* image, int64_t group, T* columns) {
  parallel_for(s.out_height(), [&](int64_t begin, int64_t end) {
    for (int64_t oh = begin; oh < end; ++oh)
      for (int64_t ow = 0; ow < s.out_width(); ++ow) {
        T* row = columns + (oh * s.out_width() + ow) * column_count(s);
        for_each_in_window(s, oh, ow, [&](int64_t pixel, int64_t place) {
          for (int64_t c = 0; c < s.in_per_group(); ++c)
            row[c * window_size(s) + place] =
                pixel < 0 ? T(0) : image[pixel * s.in + group * s.in_per_group() + c];
        });
      }
  });
}

/// Adds columns back to the pixels they came from.
template <class T>
void col2im(const ConvShape& s, const T* columns, int64_t group, T* image) {
  for (int64_t oh = 0; oh < s.out_height(); ++oh)
    for (int64_t ow = 0; ow < s.out_width(); ++ow) {
      const T* row = columns + (oh * s.out_width() + ow) * column_count(s);
      for_each_in_window(s, oh, ow, [&](int64_t pixel, int64_t place) {
        if (pixel < 0) return;
        for (int64_t c = 0; c < s.in_per_group(); ++c)
          image[pixel * s.in + group * s.in_per_group() + c] += row[c * window_size(s) + place];
      });
    }
}

/// Calls visit(group, image of x, image of y, part of the weight, columns to work with).
template <class T, class Visit>
void for_each_image(const ConvShape& s, const Visit& visit) {
  const int64_t pixels = s.out_height() * s.out_width();
  const Buffer columns(static_cast<size_t>(pixels * column_count(s)) * sizeof(T));
  for (int64_t image = 0; image < s.batch; ++image)
    for (int64_t group = 0; group < s.groups; ++group)
      visit(group, image * s.height * s.width * s.in,
            image * pixels * s.out + group * s.out_per_group(),
            group * s.out_per_group() * column_count(s), columns.as<T>());
}

}  // namespace

template <class T>
void conv_forward_reference(const ConvShape& s, const T* x, const T* weight,
                            const ConvFusion<T>& fused, T* y) {
  check(!fused.order, "conv2d: the reference takes the channels in order");
  for_each_image<T>(s,
                    [&](int64_t group, int64_t x_at, int64_t y_at, int64_t weight_at, T* columns) {
                      im2col(s, x + x_at, group, columns);
                      gemm<T>({.m = s.out_height() * s.out_width(),
                               .n = s.out_per_group(),
                               .k = column_count(s),
                               .op_b = Op::transpose,
                               .ldc = s.out},
                              columns, weight + weight_at, y + y_at,
                              fused.bias ? fused.bias + group * s.out_per_group() : nullptr);
                    });
  const int64_t count = s.batch * s.out_height() * s.out_width() * s.out;
  if (fused.residual)
    for (int64_t i = 0; i < count; ++i) y[i] += fused.residual[i];
  if (fused.relu)
    for (int64_t i = 0; i < count; ++i) y[i] = y[i] < 0 ? T(0) : y[i];
}

template <class T>
void conv_backward_data_reference(const ConvShape& s, const T* dy, const T* weight, T* dx) {
  std::fill_n(dx, s.batch * s.height * s.width * s.in, T(0));
  for_each_image<T>(s,
                    [&](int64_t group, int64_t x_at, int64_t y_at, int64_t weight_at, T* columns) {
                      gemm<T>({.m = s.out_height() * s.out_width(),
                               .n = column_count(s),
                               .k = s.out_per_group(),
                               .lda = s.out},
                              dy + y_at, weight + weight_at, columns);
                      col2im(s, columns, group, dx + x_at);
                    });
}

template <class T>
void conv_backward_weight_reference(const ConvShape& s, const T* x, const T* dy, T* dweight) {
  std::fill_n(dweight, s.out * column_count(s), T(0));
  for_each_image<T>(s,
                    [&](int64_t group, int64_t x_at, int64_t y_at, int64_t weight_at, T* columns) {
                      im2col(s, x + x_at, group, columns);
                      gemm<T>({.m = s.out_per_group(),
                               .n = column_count(s),
                               .k = s.out_height() * s.out_width(),
                               .op_a = Op::transpose,
                               .lda = s.out,
                               .accumulate = true},
                              dy + y_at, columns, dweight + weight_at);
                    });
}

#define PAPILIO_INSTANTIATE(T)                                                                     \
  template void conv_forward_reference(const ConvShape&, const T*, const T*, const ConvFusion<T>&, \
                                       T*);                                                        \
  template void conv_backward_data_reference(const ConvShape&, const T*, const T*, T*);            \
  template void conv_backward_weight_reference(const ConvShape&, const T*, const T*, T*);
PAPILIO_INSTANTIATE(float)
PAPILIO_INSTANTIATE(double)
#undef PAPILIO_INSTANTIATE

}  // namespace papilio::kernels
