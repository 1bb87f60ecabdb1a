// ResNet-18 in its form for small images, with an extra square layer before the classifier.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "papilio/data/statistics.h"
#include "papilio/layers/conv2d.h"
#include "papilio/layers/linear.h"
#include "papilio/layers/module.h"
#include "papilio/layers/norm.h"
#include "papilio/layers/structured_linear.h"

namespace papilio::models {

struct ResNetOptions {
  int64_t classes = 10;
  std::string extra = "none";  ///< layer of 512 features before the classifier: "none" or a name of
                               ///< layers/factory.h
  int64_t channels = 64;       ///< of the first stage; each further one has twice as many
  data::Statistics statistics;  ///< of the training images' channels; none: taken as they are
};

/// relu(conv 3x3, batch norm, ReLU, conv 3x3, batch norm + shortcut); the shortcut is the input, or
/// a 1x1 convolution and batch norm where the size changes.
class ResidualBlock : public Module {
 public:
  ResidualBlock(int64_t in, int64_t out, int64_t stride, Rng rng);

  Tensor forward(const Tensor& x) override;
  void fields(Fields& f) override;
  std::string describe() const override;

 private:
  Conv2d conv1_, conv2_;
  BatchNorm2d bn1_, bn2_;
  std::unique_ptr<Conv2d> shortcut_;
  std::unique_ptr<BatchNorm2d> shortcut_bn_;
};

/// x [batch, height, width, 3] -> standardise -> 3x3 convolution of stride 1, batch norm, ReLU ->
/// four stages of two blocks, the last three of stride 2 -> mean over the image -> extra layer ->
/// linear -> logits [batch, classes]. He et al. 2015, section 4.2, with the depths of ResNet-18, as
/// in Dao et al. 2019, Table 2.
class ResNet : public Module {
 public:
  ResNet(const ResNetOptions& options, Rng rng);
  static std::unique_ptr<Module> make(const Config& config);

  Tensor forward(const Tensor& x) override;
  void fields(Fields& f) override;
  std::string describe() const override;
  Config config() const override;
  Config input() const override { return options_.statistics.input; }

  /// Real numbers in the extra layer without its bias.
  int64_t extra_parameters();

 private:
  ResNetOptions options_;
  Standardize standardize_;
  Conv2d conv1_;
  BatchNorm2d bn1_;
  std::vector<std::unique_ptr<ResidualBlock>> blocks_;
  std::unique_ptr<StructuredLinear> extra_;
  Linear head_;
};

}  // namespace papilio::models
