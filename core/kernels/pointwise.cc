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
/// Pixels that every target's tiles are a divisor of.
constexpr int64_t kTogether = 8;
/// More lanes than any vector has.
constexpr int64_t kBeyond = 64;

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

/// dweight; `dy` is the whole of it, or null: make(first, count, to) then writes that of a block of
/// pixels.
void weight_gradient(const PointwiseLoops& loops, const PointwiseShape& s, const float* x,
                     const float* dy, const DyPieces& make, float* dweight) {
  // Vectors along the longer side of dweight.
  const bool along_in = s.in >= s.out;
  const int64_t rows = along_in ? s.out : s.in, columns = along_in ? s.in : s.out;
  const Panels panels(loops, s.groups, rows, columns);

  // Parts of the pixels have sums of their own, few enough to be small beside what is read. They
  // take blocks that stay in a cache while all panels pass over them. Both by the shape alone.
  const int64_t numbers = s.groups * (s.in + s.out),
                parts = std::clamp<int64_t>(
                    std::min(s.pixels / 128, s.pixels * numbers / (8 * panels.size)), 1, 16),
                part = (s.pixels + parts - 1) / parts,
                block = std::clamp<int64_t>((1 << 16) / numbers, 32, 512) / kTogether * kTogether;
  const Buffer sums(static_cast<size_t>(parts * panels.size) * sizeof(float));
  parallel_for(parts, [&](int64_t begin, int64_t end) {
    const int64_t room = dy ? 0 : block * s.groups * s.out + kBeyond;
    const Buffer own_dy(static_cast<size_t>(room) * sizeof(float));
    for (int64_t i = begin; i < end; ++i) {
      float* own = sums.as<float>() + i * panels.size;
      std::fill_n(own, panels.size, 0.0f);
      const int64_t stop = std::min(s.pixels, (i + 1) * part);
      for (int64_t first = i * part; first < stop; first += block) {
        const int64_t count = std::min(block, stop - first), x_at = first * s.groups * s.in,
                      dy_at = first * s.groups * s.out;
        if (!dy) make(first, count, own_dy.as<float>());
        const float *from_x = x + x_at, *from_dy = dy ? dy + dy_at : own_dy.as<float>();
        for (size_t j = 0; j < panels.all.size(); ++j)
          loops.add_outer(
              {.pixels = count,
               .groups = s.groups,
               .rows = rows,
               .columns = columns,
               .panel = panels.all[j],
               .a = along_in ? from_dy : from_x,
               .b = along_in ? from_x : from_dy,
               .readable = along_in || dy ? (s.pixels - first) * s.groups * columns : room,
               .sums = own + panels.starts[j]});
      }
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
                             float* dx, const float* term) {
  const PointwiseLoops loops = pointwise_loops();
  const Panels panels(loops, s.groups, s.out, s.in);
  multiply(loops, panels, s.pixels, s.groups, s.out, s.in, dy,
           packed_panels(panels, s.groups, s.out, s.in, weight, s.in, 1), {.residual = term}, dx);
}

void pointwise_backward_weight(const PointwiseShape& s, const float* x, const float* dy,
                               float* dweight) {
  weight_gradient(pointwise_loops(), s, x, dy, {}, dweight);
}

void pointwise_backward(const PointwiseShape& s, const float* x, const float* weight,
                        const DyPieces& dy, float* dx, const float* term, float* dweight) {
  const PointwiseLoops loops = pointwise_loops();
  const Panels panels(loops, s.groups, s.out, s.in);
  const Buffer packed = packed_panels(panels, s.groups, s.out, s.in, weight, s.in, 1);
  const auto both = [&](int64_t first, int64_t count, float* to) {
    dy(first, count, to);
    const int64_t at = first * s.groups * s.in;
    multiply(loops, panels, count, s.groups, s.out, s.in, to, packed,
             {.residual = term ? term + at : nullptr}, dx + at);
  };
  weight_gradient(loops, s, x, nullptr, both, dweight);
}

}  // namespace papilio::kernels
