// Resize: between numbers of features that differ, as where a layer of a power of two follows.
#pragma once

#include <string>

#include "papilio/layers/structured_linear.h"

namespace papilio {

/// The first features are kept; the rest is cut off, or zeros are put behind them. No parameters.
class Resize : public StructuredLinear {
 public:
  Resize(int64_t in_features, int64_t out_features, DType dtype = DType::f32)
      : StructuredLinear("resize", in_features, out_features, false, dtype, Rng(0)) {}

  Tensor multiply(const Tensor& x) override {
    return in_features_ >= out_features_ ? slice(x, -1, 0, out_features_)
                                         : pad(x, -1, 0, out_features_ - in_features_);
  }
  std::string describe() const override { return described("Resize"); }
  Config config() const override { return base_config(); }

 protected:
  int64_t flops_per_row() const override { return 0; }
};

}  // namespace papilio
