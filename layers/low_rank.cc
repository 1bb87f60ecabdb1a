#include "papilio/layers/low_rank.h"

#include <cmath>

namespace papilio {

LowRank::LowRank(int64_t in_features, int64_t out_features, const LowRankOptions& options, Rng rng)
    : StructuredLinear("low_rank", in_features, out_features, options.bias, options.dtype, rng),
      rank_(options.rank) {
  check(rank_ >= 1, "low_rank: rank = ", rank_, "; at least 1 is needed");
  const auto thin = [&](const char* name, const Shape& shape) {
    const double deviation = 1 / std::sqrt(static_cast<double>(shape.numel()));
    return Parameter(scale(randn(shape, rng.split(name), dtype_), deviation),
                     {.weight_decay = false, .structured = true, .rows_axis = 0});
  };
  down_ = thin("down", {rank_, in_features}), up_ = thin("up", {out_features, rank_});
}

std::unique_ptr<StructuredLinear> LowRank::with_scaled_input(const Tensor& d) const {
  if (is_complex(dtype_)) return nullptr;  // a complex tensor has no product with a real one
  auto layer = std::make_unique<LowRank>(
      in_features_, out_features_, LowRankOptions{.rank = rank_, .bias = false, .dtype = dtype_},
      Rng(0));
  const NoTape guard;
  layer->down_ = Parameter(mul(down_, d));
  layer->up_ = up_;
  return layer;
}

int64_t LowRank::flops_per_row() const {
  return (is_complex(dtype_) ? 8 : 2) * rank_ * (in_features_ + out_features_);
}

Config LowRank::config() const {
  Config config = base_config();
  config["rank"] = rank_;
  return config;
}

}  // namespace papilio
