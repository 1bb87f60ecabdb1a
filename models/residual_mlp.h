// A deep residual network of wide layers, dense or structured, and no convolution.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "papilio/data/statistics.h"
#include "papilio/layers/linear.h"
#include "papilio/layers/module.h"
#include "papilio/layers/norm.h"
#include "papilio/layers/structured_linear.h"

namespace papilio::models {

struct ResidualMlpOptions {
  int64_t height = 32, width = 32, channels = 3;  ///< of one image
  std::string hidden = "kmatrix";                 ///< a name of layers/factory.h, of all layers
  int64_t features = 1024;
  int64_t depth = 4;  ///< residual layers after the first one
  int64_t classes = 10;
  data::Statistics
      statistics;  ///< of the training images, per channel; none: inputs are taken as they are
};

/// x [batch, height, width, channels] -> standardise -> flat -> relu(norm(layer)) -> `depth` times
/// relu(x + norm(layer x)) -> linear -> logits [batch, classes]. The norm is a batch norm of every
/// feature, after a residual block of He et al. 2016; all layers have the same number of features.
class ResidualMlp : public Module {
 public:
  /// Throws Error when a size isn't positive or the hidden layer is unknown.
  ResidualMlp(const ResidualMlpOptions& options, Rng rng);
  static std::unique_ptr<Module> make(const Config& config);

  Tensor forward(const Tensor& x) override;
  void fields(Fields& f) override;
  std::string describe() const override;
  Config config() const override;
  Config input() const override { return options_.statistics.input; }

  /// The most features, up to those of the options, with which the network takes no more flops in
  /// its layers than with layers `like`.
  static int64_t features_at_flops_of(const std::string& like, const ResidualMlpOptions& options);

 private:
  ResidualMlpOptions options_;
  Standardize standardize_;
  std::vector<std::unique_ptr<StructuredLinear>> layers_;
  std::vector<std::unique_ptr<BatchNorm2d>> norms_;
  Linear head_;
};

}  // namespace papilio::models
