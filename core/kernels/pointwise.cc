#include "papilio/core/kernels/pointwise.h"

#include <algorithm>
#include <vector>

#include "papilio/core/kernels/channel_passes.h"
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

/// What y is a product of; x [pixels, groups, inner].
struct Factor {
  int64_t inner;
  const float* x;
  const Panels& panels;
  const Buffer& packed;

  /// From pixel `first` on, for panel i.
  TileFactor tile(int64_t groups, int64_t first, size_t i) const {
    return {inner, x + first * groups * inner, groups * inner,
            packed.as<float>() + panels.starts[i]};
  }
};

/// y[p, g, n] = sum over k of x[p, g, k] matrix[g, k, n], plus the same of `another` if there is
/// one, and what is fused.
void multiply(const PointwiseLoops& loops, int64_t pixels, int64_t groups, int64_t columns,
              const Factor& factor, const ConvFusion<float>& fused, float* y,
              const Factor* another = nullptr) {
  const int64_t inner = factor.inner + (another ? another->inner : 0);
  const bool from_memory = fused.from_memory || pixels * groups * (inner + columns) > kCached;
  const PanelBias bias(fused.bias, groups * columns);
  const int64_t least = loops.pixels_at_once,
                at_once =
                    std::max<int64_t>(kTile / (groups * (inner + columns)) / least, 1) * least;
  parallel_for(
      (pixels + at_once - 1) / at_once,
      [&](int64_t begin, int64_t end) {
        for (int64_t tile = begin; tile < end; ++tile)
          for (size_t i = 0; i < factor.panels.all.size(); ++i) {
            const int64_t first = tile * at_once, to = first * groups * columns;
            loops.multiply({.pixels = std::min(at_once, pixels - first),
                            .groups = groups,
                            .columns = columns,
                            .panel = factor.panels.all[i],
                            .factor = factor.tile(groups, first, i),
                            .another = another ? another->tile(groups, first, i) : TileFactor(),
                            .order = fused.order,
                            .bias = bias.data(),
                            .residual = fused.residual ? fused.residual + to : nullptr,
                            .relu = fused.relu,
                            .from_memory = from_memory,
                            .y = y + to});
          }
      },
      std::max<int64_t>(1, kGrain / (at_once * groups * inner * columns)));
}

/// A block of pixels of x and dy, and how many numbers may be read from there on.
struct Pieces {
  const float *x, *dy;
  int64_t x_readable, dy_readable;
};

/// How pixels are cut for sums over them, by the shape alone. Parts have sums of their own, few
/// enough to be small beside what is read. They take blocks that stay in a cache while all panels
/// pass over them.
struct Parts {
  Parts(const PointwiseShape& s, int64_t sums) {
    const int64_t numbers = s.groups * (s.in + s.out);
    count =
        std::clamp<int64_t>(std::min(s.pixels / 128, s.pixels * numbers / (8 * sums)), 1, kMost);
    pixels = (s.pixels + count - 1) / count;
    block = std::clamp<int64_t>((1 << 16) / numbers, 32, 512) / kTogether * kTogether;
  }
  static constexpr int64_t kMost = 16;
  int64_t count, pixels, block;
};

/// dweight[g, out, in] = sum over p of dy[p, g, out] x[p, g, in]. pieces(part, first, count, room)
/// gives a block of pixels; `room` has `block_room` numbers for each of its pixels, and more than a
/// vector behind them.
template <class GetPieces>
void weight_gradient(const PointwiseLoops& loops, const PointwiseShape& s, int64_t block_room,
                     const GetPieces& pieces, float* dweight) {
  // Vectors along the longer side of dweight.
  const bool along_in = s.in >= s.out;
  const int64_t rows = along_in ? s.out : s.in, columns = along_in ? s.in : s.out;
  const Panels panels(loops, s.groups, rows, columns);
  const Parts parts(s, panels.size);
  const Buffer sums(static_cast<size_t>(parts.count * panels.size) * sizeof(float));
  parallel_for(parts.count, [&](int64_t begin, int64_t end) {
    const Buffer room(static_cast<size_t>(block_room * parts.block + kBeyond) * sizeof(float));
    for (int64_t i = begin; i < end; ++i) {
      float* own = sums.as<float>() + i * panels.size;
      std::fill_n(own, panels.size, 0.0f);
      const int64_t stop = std::min(s.pixels, (i + 1) * parts.pixels);
      for (int64_t first = i * parts.pixels; first < stop; first += parts.block) {
        const int64_t count = std::min(parts.block, stop - first);
        const Pieces p = pieces(i, first, count, room.as<float>());
        for (size_t j = 0; j < panels.all.size(); ++j)
          loops.add_outer({.pixels = count,
                           .groups = s.groups,
                           .rows = rows,
                           .columns = columns,
                           .panel = panels.all[j],
                           .a = along_in ? p.dy : p.x,
                           .b = along_in ? p.x : p.dy,
                           .readable = along_in ? p.x_readable : p.dy_readable,
                           .sums = own + panels.starts[j]});
      }
    }
  });

  for (int64_t i = 1; i < parts.count; ++i)
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
  const Panels panels(loops, s.groups, s.in, s.out);
  multiply(loops, s.pixels, s.groups, s.out, {s.in, x, panels, packed}, fused, y);
}

void pointwise_backward_data(const PointwiseShape& s, const float* dy, const float* weight,
                             float* dx, const float* term) {
  const PointwiseLoops loops = pointwise_loops();
  const Panels panels(loops, s.groups, s.out, s.in);
  const Buffer packed = packed_panels(panels, s.groups, s.out, s.in, weight, s.in, 1);
  multiply(loops, s.pixels, s.groups, s.in, {s.out, dy, panels, packed}, {.residual = term}, dx);
}

void pointwise_backward_weight(const PointwiseShape& s, const float* x, const float* dy,
                               float* dweight) {
  weight_gradient(
      pointwise_loops(), s, 0,
      [&](int64_t, int64_t first, int64_t, float*) -> Pieces {
        const int64_t x_at = first * s.groups * s.in, dy_at = first * s.groups * s.out,
                      left = (s.pixels - first) * s.groups;
        return {x + x_at, dy + dy_at, left * s.in, left * s.out};
      },
      dweight);
}

void pointwise_backward(const PointwiseShape& s, const float* x, const float* weight,
                        const DyPieces& dy, float* dx, const float* term, float* dweight) {
  const PointwiseLoops loops = pointwise_loops();
  const Panels panels(loops, s.groups, s.out, s.in);
  const Buffer packed = packed_panels(panels, s.groups, s.out, s.in, weight, s.in, 1);
  const int64_t out = s.groups * s.out;
  const bool large = s.pixels * s.groups * (s.in + s.out) > kCached;
  weight_gradient(
      loops, s, out,
      [&](int64_t, int64_t first, int64_t count, float* room) -> Pieces {
        dy(first, count, room);
        const int64_t at = first * s.groups * s.in;
        multiply(loops, count, s.groups, s.in, {s.out, room, panels, packed},
                 {.residual = term ? term + at : nullptr, .from_memory = large}, dx + at);
        return {x + at, room, (s.pixels - first) * s.groups * s.in, count * out + kBeyond};
      },
      dweight);
}

void pointwise_gated_products(const PointwiseShape& s, const float* x, const float* mean,
                              const GatedDy<float>& dy, float* sums, float* products) {
  const int64_t in = s.groups * s.in, out = s.groups * s.out;
  const ChannelLoop<float> center = scale_loop<float>(), gate = gate_loop<float>();
  const std::vector<float> ones(static_cast<size_t>(in), 1.0f);
  // Of every part the sums, and what the loop makes of a block.
  const Buffer all(static_cast<size_t>(3 * Parts::kMost * out) * sizeof(float));
  std::fill_n(all.as<float>(), all.bytes() / sizeof(float), 0.0f);
  weight_gradient(
      pointwise_loops(), s, in,
      [&](int64_t part, int64_t first, int64_t count, float* room) -> Pieces {
        ChannelPass<float> p;
        p.count = count, p.width = in;
        p.x = x + first * in, p.mean = mean, p.factor = ones.data(), p.y = room;
        center(p);
        float *own = all.as<float>() + 3 * part * out, *block = own + out;
        p = {};
        p.count = count, p.width = out;
        p.dy = dy.all + first * out, p.gate_y = dy.y ? dy.y + first * out : nullptr;
        p.y = dy.passed ? dy.passed + first * out : nullptr;
        p.sum = block, p.products = block + out;
        gate(p);
        for (int64_t c = 0; c < out; ++c) own[c] += block[c];
        return {room, (dy.passed ? dy.passed : dy.all) + first * out, count * in + kBeyond,
                (s.pixels - first) * out};
      },
      products);
  std::fill_n(sums, out, 0.0f);
  for (int64_t i = 0; i < Parts::kMost; ++i)
    for (int64_t c = 0; c < out; ++c) sums[c] += all.as<float>()[3 * i * out + c];
}

void pointwise_backward_affine(const PointwiseShape& s, const float* dy, const float* weight,
                               const float* x, const float* of_x, const float* shift, float* dx) {
  const PointwiseLoops loops = pointwise_loops();
  const Panels square(loops, s.groups, s.in, s.in), panels(loops, s.groups, s.out, s.in);
  const Buffer packed_square = packed_panels(square, s.groups, s.in, s.in, of_x, 1, s.in),
               packed = packed_panels(panels, s.groups, s.out, s.in, weight, s.in, 1);
  const Factor by_x{s.in, x, square, packed_square};
  multiply(loops, s.pixels, s.groups, s.in, {s.out, dy, panels, packed}, {.bias = shift}, dx,
           &by_x);
}

}  // namespace papilio::kernels
