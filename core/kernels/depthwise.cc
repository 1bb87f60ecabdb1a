#include "papilio/core/kernels/depthwise.h"

#include <algorithm>

#include "papilio/core/kernels/depthwise_loops.h"
#include "papilio/core/memory.h"
#include "papilio/core/threads.h"

namespace papilio::kernels {
namespace {

/// Weights [channels, 9] as [9, channels], turned by half a turn if wanted.
Buffer packed_weights(int64_t channels, const float* weight, bool turned) {
  Buffer packed(static_cast<size_t>(9 * channels) * sizeof(float));
  for (int64_t k = 0; k < 9; ++k)
    for (int64_t c = 0; c < channels; ++c)
      packed.as<float>()[k * channels + c] = weight[c * 9 + (turned ? 8 - k : k)];
  return packed;
}

Buffer zeros(int64_t count) {
  Buffer buffer(static_cast<size_t>(count) * sizeof(float));
  std::fill_n(buffer.as<float>(), count, 0.0f);
  return buffer;
}

/// Rows of outputs that are worth a thread of their own.
int64_t grain(const ConvShape& s) {
  return std::max<int64_t>(1, (int64_t{1} << 16) / (9 * s.out_width() * s.out));
}

void forward(const ConvShape& s, const float* x, const Buffer& weight,
             const ConvFusion<float>& fused, float* y) {
  const DepthwiseLoops loops = depthwise_loops();
  const Buffer zero_row = zeros(s.width * s.in);
  // Row h of an image, which may lie outside.
  const auto input = [&](int64_t image, int64_t h) {
    return h >= 0 && h < s.height ? x + (image * s.height + h) * s.width * s.in
                                  : zero_row.as<float>();
  };
  parallel_for(
      s.batch * s.out_height(),
      [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          const int64_t image = row / s.out_height(), top = row % s.out_height() * s.stride - 1,
                        to = row * s.out_width() * s.in;
          loops.row({.channels = s.in,
                     .stride = s.stride,
                     .width = s.width,
                     .outputs = s.out_width(),
                     .x = {input(image, top), input(image, top + 1), input(image, top + 2)},
                     .weight = weight.as<float>(),
                     .bias = fused.bias,
                     .residual = fused.residual ? fused.residual + to : nullptr,
                     .relu = fused.relu,
                     .y = y + to});
        }
      },
      grain(s));
}

/// Stride 2: dx in squares of 2x2 pixels, one for every output.
void backward_squares(const ConvShape& s, const float* dy, const float* weight, float* dx) {
  const DepthwiseLoops loops = depthwise_loops();
  const int64_t channels = s.in, outputs = s.out_width(), rows = s.out_height();
  const Buffer nothing = zeros(channels);
  parallel_for(
      s.batch * rows,
      [&](int64_t begin, int64_t end) {
        const Buffer outside(static_cast<size_t>(channels) * sizeof(float));
        for (int64_t row = begin; row < end; ++row)
          for (int64_t i = 0; i < outputs; ++i) {
            const int64_t top = row % rows * 2, left = 2 * i;
            const bool below = row % rows + 1 < rows, right = i + 1 < outputs;
            const bool has_below = top + 1 < s.height, has_right = left + 1 < s.width;
            const float* from = dy + (row * outputs + i) * channels;
            float* to = dx + ((row / rows * s.height + top) * s.width + left) * channels;
            const float* none = nothing.as<float>();
            const float* sources[] = {from, right ? from + channels : none,
                                      below ? from + outputs * channels : none,
                                      below && right ? from + (outputs + 1) * channels : none};
            float* targets[] = {
                to, has_right ? to + channels : outside.as<float>(),
                has_below ? to + s.width * channels : outside.as<float>(),
                has_below && has_right ? to + (s.width + 1) * channels : outside.as<float>()};
            loops.spread(channels, sources, weight, targets);
          }
      },
      grain(s));
}

}  // namespace

bool is_depthwise3x3(const ConvShape& s) {
  return s.groups == s.in && s.groups == s.out && s.kernel_height == 3 && s.kernel_width == 3 &&
         s.padding == 1 && s.dilation == 1 && (s.stride == 1 || s.stride == 2) && s.batch > 0;
}

Buffer depthwise3x3_pack(const ConvShape& s, const float* weight) {
  return packed_weights(s.in, weight, false);
}

void depthwise3x3_forward(const ConvShape& s, const float* x, const Buffer& packed,
                          const ConvFusion<float>& fused, float* y) {
  forward(s, x, packed, fused, y);
}

void depthwise3x3_backward_data(const ConvShape& s, const float* dy, const float* weight,
                                float* dx) {
  if (s.stride == 1)  // a convolution too
    forward(s, dy, packed_weights(s.in, weight, true), {}, dx);
  else
    backward_squares(s, dy, packed_weights(s.in, weight, false).as<float>(), dx);
}

}  // namespace papilio::kernels
