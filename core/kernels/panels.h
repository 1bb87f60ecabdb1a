// Matrices in panels of columns, as the loops of pointwise_tiles.h take them.
#pragma once

#include <vector>

#include "papilio/core/kernels/pointwise_tiles.h"
#include "papilio/core/memory.h"

namespace papilio::kernels {

/// The panels of a matrix of `columns`, and where each begins in packed form.
struct Panels {
  Panels(const PointwiseLoops& loops, int64_t groups, int64_t rows, int64_t columns);

  std::vector<Panel> all;
  std::vector<int64_t> starts;
  int64_t size = 0;
};

/// packed[panel][g, k, n] = from[g, k, n], where k and n stand these steps apart; zero where the
/// panel has no column.
Buffer packed_panels(const Panels& panels, int64_t groups, int64_t rows, int64_t columns,
                     const float* from, int64_t k_step, int64_t n_step);

/// bias [columns of all groups], readable as far as a panel reaches beyond the last one; no bytes
/// when it is null.
class PanelBias {
 public:
  PanelBias(const float* bias, int64_t columns);
  const float* data() const { return padded_.bytes() ? padded_.as<float>() : nullptr; }

 private:
  Buffer padded_;
};

}  // namespace papilio::kernels
