#include "papilio/layers/dense_init.h"

#include <cmath>
#include <utility>

#include "papilio/core/ops.h"

namespace papilio {

Tensor initial_weight(std::string_view layer, std::string_view init, const Shape& shape,
                      int64_t fan_in, DType dtype, Rng rng) {
  const double bound = 1 / std::sqrt(static_cast<double>(fan_in));
  if (init == "uniform") return rand_uniform(shape, -bound, bound, rng, dtype);
  const int64_t fan_out = shape.numel() / shape[1];  // weights are [out, in, kernel...]
  const std::pair<std::string_view, double> deviations[] = {
      {"normal", bound}, {"he", std::sqrt(2 / static_cast<double>(fan_out))}, {"small", 1e-3}};
  for (const auto& [name, deviation] : deviations)
    if (init == name) {
      const NoTape guard;
      return scale(randn(shape, rng, dtype), deviation);
    }
  fail(layer, ": unknown init '", init, "'; the names are uniform, normal, he, small");
}

}  // namespace papilio
