#include "papilio/core/kernels/panels.h"

#include <algorithm>

namespace papilio::kernels {
namespace {

/// More lanes than any vector has.
constexpr int64_t kBeyond = 64;

}  // namespace

Panels::Panels(const PointwiseLoops& loops, int64_t groups, int64_t rows, int64_t columns) {
  for (int64_t first = 0; first < columns; first += all.back().count) {
    all.push_back(loops.next_panel(first, columns));
    starts.push_back(size);
    size += groups * rows * all.back().width;
  }
}

Buffer packed_panels(const Panels& panels, int64_t groups, int64_t rows, int64_t columns,
                     const float* from, int64_t k_step, int64_t n_step) {
  Buffer buffer(static_cast<size_t>(panels.size) * sizeof(float));
  float* packed = buffer.as<float>();
  for (const Panel& panel : panels.all) {
    if (panel.count < panel.width) std::fill_n(packed, groups * rows * panel.width, 0.0f);
    for (int64_t g = 0; g < groups; ++g, packed += rows * panel.width)
      for (int64_t n = 0; n < panel.count; ++n) {
        const float* column = from + g * rows * columns + (panel.first + n) * n_step;
        for (int64_t k = 0; k < rows; ++k) packed[k * panel.width + n] = column[k * k_step];
      }
  }
  return buffer;
}

PanelBias::PanelBias(const float* bias, int64_t columns)
    : padded_(bias ? static_cast<size_t>(columns + kBeyond) * sizeof(float) : 0) {
  if (bias) std::fill_n(std::copy_n(bias, columns, padded_.as<float>()), kBeyond, 0.0f);
}

}  // namespace papilio::kernels
