#include "papilio/core/kernels/window_conv.h"

#include <algorithm>

#include "papilio/core/kernels/panels.h"
#include "papilio/core/threads.h"

namespace papilio::kernels {
namespace {

constexpr int64_t kMostIn = 4, kMostOut = 32, kMostNumbers = 64;

int64_t window_numbers(const ConvShape& s) { return s.in * s.kernel_height * s.kernel_width; }

/// Numbers in a row of x and its padding.
int64_t padded_row(const ConvShape& s) { return (s.width + 2 * s.padding) * s.in; }

/// Copies the rows under row `output` (counted over all images) between their padding, which is
/// zero already.
void copy_rows(const ConvShape& s, const float* x, int64_t output, float* rows) {
  const int64_t image = output / s.out_height(),
                top = output % s.out_height() * s.stride - s.padding, numbers = s.width * s.in;
  for (int64_t i = 0; i < s.kernel_height; ++i) {
    float* to = rows + i * padded_row(s) + s.padding * s.in;
    const int64_t h = top + i;
    if (h >= 0 && h < s.height)
      std::copy_n(x + (image * s.height + h) * numbers, numbers, to);
    else
      std::fill_n(to, numbers, 0.0f);
  }
}

}  // namespace

bool is_window_conv(const ConvShape& s) {
  return s.groups == 1 && s.dilation == 1 && s.in <= kMostIn && s.out <= kMostOut &&
         s.kernel_height * s.kernel_width > 1 && window_numbers(s) <= kMostNumbers && s.batch > 0;
}

Buffer window_conv_pack(const ConvShape& s, const float* weight) {
  const int64_t inner = window_numbers(s);
  return packed_panels({pointwise_loops(), 1, inner, s.out}, 1, inner, s.out, weight, 1, inner);
}

void window_conv_forward(const ConvShape& s, const float* x, const Buffer& packed,
                         const ConvFusion<float>& fused, float* y) {
  const PointwiseLoops loops = pointwise_loops();
  const int64_t inner = window_numbers(s), row_numbers = s.out_width() * s.out;
  const Panels panels(loops, 1, inner, s.out);
  const PanelBias bias(fused.bias, s.out);
  int64_t order[kMostNumbers];  // where the weight's [in, kernel height, kernel width] lie
  for (int64_t c = 0, k = 0; c < s.in; ++c)
    for (int64_t i = 0; i < s.kernel_height; ++i)
      for (int64_t j = 0; j < s.kernel_width; ++j) order[k++] = i * padded_row(s) + j * s.in + c;

  parallel_for(
      s.batch * s.out_height(),
      [&](int64_t begin, int64_t end) {
        const int64_t copied = s.kernel_height * padded_row(s);
        const Buffer rows(static_cast<size_t>(copied) * sizeof(float));
        std::fill_n(rows.as<float>(), copied, 0.0f);
        for (int64_t row = begin; row < end; ++row) {
          copy_rows(s, x, row, rows.as<float>());
          for (size_t i = 0; i < panels.all.size(); ++i)
            loops.multiply(
                {.pixels = s.out_width(),
                 .groups = 1,
                 .columns = s.out,
                 .panel = panels.all[i],
                 .factor = {inner, rows.as<float>(), s.stride * s.in,
                            packed.as<float>() + panels.starts[i]},
                 .another = {},
                 .order = order,
                 .bias = bias.data(),
                 .residual = fused.residual ? fused.residual + row * row_numbers : nullptr,
                 .relu = fused.relu,
                 .from_memory =
                     fused.from_memory || s.batch * s.out_height() * row_numbers > kCached,
                 .y = y + row * row_numbers});
        }
      },
      std::max<int64_t>(1, (int64_t{1} << 18) / (row_numbers * inner)));
}

}  // namespace papilio::kernels
