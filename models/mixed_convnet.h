// A small convolution network that mixes convolutions, a structured and a dense layer in one model.
#pragma once

#include <memory>
#include <string>

#include "papilio/data/statistics.h"
#include "papilio/layers/conv2d.h"
#include "papilio/layers/linear.h"
#include "papilio/layers/module.h"
#include "papilio/layers/norm.h"
#include "papilio/layers/structured_linear.h"

namespace papilio::models {

struct MixedConvnetOptions {
  int64_t height = 32, width = 32,
          channels = 3;              ///< of one image; height and width are multiples of 4
  std::string hidden = "butterfly";  ///< a name of layers/factory.h
  int64_t features = 512;            ///< after the hidden layer
  int64_t classes = 10;
  data::Statistics
      statistics;  ///< of the training images, per channel; none: inputs are taken as they are
};

/// x [batch, height, width, channels] -> standardise -> twice (3x3 convolution, batch norm, ReLU,
/// 2x2 max-pooling) with 16 and 32 channels -> hidden layer -> ReLU -> linear -> logits [batch,
/// classes].
class MixedConvnet : public Module {
 public:
  MixedConvnet(const MixedConvnetOptions& options, Rng rng);
  static std::unique_ptr<Module> make(const Config& config);

  Tensor forward(const Tensor& x) override;
  void fields(Fields& f) override;
  std::string describe() const override;
  Config config() const override;
  Config input() const override { return options_.statistics.input; }

 private:
  MixedConvnetOptions options_;
  Standardize standardize_;
  Conv2d conv1_, conv2_;
  BatchNorm2d norm1_, norm2_;
  std::unique_ptr<StructuredLinear> hidden_;
  Linear head_;
};

}  // namespace papilio::models
