#include "papilio/core/kernels/pointwise.h"

#include <algorithm>

#include "papilio/core/kernels/panels.h"
#include "papilio/core/memory.h"
#include "papilio/core/threads.h"

namespace papilio::kernels {
namespace {

/// Multiplications that are worth a thread of their own.
constexpr int64_t kGrain = 1 << 18;
/// Numbers in a tile of pixels, which all panels then find in the nearest cache.
constexpr int64_t kTile = 1 << 12;

/// y[p, g, n] = sum over k of x[p, g, k] matrix[g, k, n], and what is fused.
void multiply(const PointwiseLoops& loops, const Panels& panels, int64_t pixels, int64_t groups,
              int64_t inner, int64_t columns, const float* x, const Buffer& packed,
              const ConvFusion<float>& fused, float* y) {
  const PanelBias bias(fused.bias, groups * columns);
  const int64_t least = loops.pixels_at_once,
                at_once =
                    std::max<int64_t>(kTile / (groups * (inner + columns)) / least, 1) * least;
  parallel_for((pixels + at_once - 1) / at_once,
               [&](int64_t begin, int64_t end) {
                 for (int64_t tile = begin; tile < end; ++tile)
                   for (size_t i = 0; i < panels.all.size(); ++i) {
                     const int64_t first = tile * at_once, to = first * groups * columns;
                     loops.multiply({.pixels = std::min(at_once, pixels - first),
                                     .groups = groups,
                                     .inner = inner,
                                     .columns = columns,
                                     .panel = panels.all[i],
                                     .x = x + first * groups * inner,
                                     .x_step = groups * inner,
                                     .packed = packed.as<float>() + panels.starts[i],
                                     .order = fused.order,
                                     .bias = bias.data(),
                                     .residual = fused.residual ? fused.residual + to : nullptr,
                                     .relu = fused.relu,
                                     .y = y + to});
                   }
               },
               std::max<int64_t>(1, kGrain / (at_once * groups * inner * columns)));
}

}  // namespace

Buffer pointwise_pack(const PointwiseShape& s, const float* weight) {
  return packed_panels({pointwise_loops(), s.groups, s.in, s.out}, s.groups, s.in, s.out, weight, 1,
                       s.in);
}

void pointwise_forward(const PointwiseShape& s, const float* x, const Buffer& packed,
                       const ConvFusion<float>& fused, float* y) {
  const PointwiseLoops loops = pointwise_loops();
  multiply(loops, {loops, s.groups, s.in, s.out}, s.pixels, s.groups, s.in, s.out, x, packed, fused,
           y);
}

void pointwise_backward_data(const PointwiseShape& s, const float* dy, const float* weight,
                             float* dx) {
  const PointwiseLoops loops = pointwise_loops();
  const Panels panels(loops, s.groups, s.out, s.in);
  multiply(loops, panels, s.pixels, s.groups, s.out, s.in, dy,
           packed_panels(panels, s.groups, s.out, s.in, weight, s.in, 1), {}, dx);
}

void pointwise_backward_weight(const PointwiseShape& s, const float* x, const float* dy,
                               float* dweight) {
  const PointwiseLoops loops = pointwise_loops();
  // Vectors along the longer side of dweight.
  const bool along_in = s.in >= s.out;
  const int64_t rows = along_in ? s.out : s.in, columns = along_in ? s.in : s.out;
  const float *a = along_in ? dy : x, *b = along_in ? x : dy;
  const Panels panels(loops, s.groups, rows, columns);

  // Parts of the pixels have sums of their own, few enough to be small beside what is read. They
  // take blocks that stay in a cache while all panels pass over them. Both by the shape alone.
  const int64_t numbers = s.groups * (s.in + s.out),
                parts = std::clamp<int64_t>(
                    std::min(s.pixels / 128, s.pixels * numbers / (8 * panels.size)), 1, 16),
                part = (s.pixels + parts - 1) / parts,
                block = std::clamp<int64_t>((1 << 16) / numbers, 32, 512);
  const Buffer sums(static_cast<size_t>(parts * panels.size) * sizeof(float));
  parallel_for(parts, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float* own = sums.as<float>() + i * panels.size;
      std::fill_n(own, panels.size, 0.0f);
      const int64_t stop = std::min(s.pixels, (i + 1) * part);
      for (int64_t first = i * part; first < stop; first += block)
        for (size_t j = 0; j < panels.all.size(); ++j)
          loops.add_outer({.pixels = std::min(block, stop - first),
                           .groups = s.groups,
                           .rows = rows,
                           .columns = columns,
                           .panel = panels.all[j],
                           .a = a + first * s.groups * rows,
                           .b = b + first * s.groups * columns,
                           .readable = (s.pixels - first) * s.groups * columns,
                           .sums = own + panels.starts[j]});
    }
  });

  for (int64_t i = 1; i < parts; ++i)
    for (int64_t j = 0; j < panels.size; ++j)
      sums.as<float>()[j] += sums.as<float>()[i * panels.size + j];
  const int64_t row_step = along_in ? s.in : 1, column_step = along_in ? 1 : s.in;
  const float* from = sums.as<float>();
  for (const Panel& panel : panels.all)
    for (int64_t g = 0; g < s.groups; ++g)
      for (int64_t r = 0; r < rows; ++r, from += panel.width)
        for (int64_t n = 0; n < panel.count; ++n)
          dweight[g * rows * columns + r * row_step + (panel.first + n) * column_step] = from[n];
}

}  // namespace papilio::kernels
