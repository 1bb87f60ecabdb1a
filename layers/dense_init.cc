#include "papilio/layers/dense_init.h"

#include <cmath>

#include "papilio/core/ops.h"

namespace papilio {

Tensor initial_weight(std::string_view layer, std::string_view init, const Shape& shape,
                      int64_t fan_in, DType dtype, Rng rng) {
  const double bound = 1 / std::sqrt(static_cast<double>(fan_in));
  if (init == "uniform") return rand_uniform(shape, -bound, bound, rng, dtype);
  check(init == "normal", layer, ": unknown init '", init, "'; the names are uniform, normal");
  const NoTape guard;
  return scale(randn(shape, rng, dtype), bound);
}

}  // namespace papilio
