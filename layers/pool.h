// Pooling layers over channels-last images.
#pragma once

#include <string>

#include "papilio/layers/elementwise.h"

namespace papilio {

/// [batch, height, width, channels], as the op max_pool2d.
class MaxPool2d : public Module {
 public:
  explicit MaxPool2d(const Pool2dOptions& options = {}) : options_(options) {}
  Tensor forward(const Tensor& x) override { return max_pool2d(x, options_); }
  std::string describe() const override;

 private:
  Pool2dOptions options_;
};

/// [batch, height, width, channels], as the op avg_pool2d.
class AvgPool2d : public Module {
 public:
  explicit AvgPool2d(const Pool2dOptions& options = {}) : options_(options) {}
  Tensor forward(const Tensor& x) override { return avg_pool2d(x, options_); }
  std::string describe() const override;

 private:
  Pool2dOptions options_;
};

/// [batch, height, width, channels] -> [batch, channels].
using GlobalAvgPool2d = Elementwise<&global_avg_pool2d, "GlobalAvgPool2d">;

}  // namespace papilio
