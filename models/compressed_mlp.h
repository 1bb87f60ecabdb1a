// The single-hidden-layer network of the compression experiment (Dao et al. 2019, section 4.2).
#pragma once

#include <memory>
#include <string>

#include "papilio/data/statistics.h"
#include "papilio/layers/linear.h"
#include "papilio/layers/module.h"
#include "papilio/layers/norm.h"
#include "papilio/layers/structured_linear.h"

namespace papilio::models {

struct CompressedMlpOptions {
  int64_t inputs = 1024;  ///< features of one example; images are flattened
  /// A name of layers/factory.h: dense, butterfly, kmatrix, bpbp-complex, ...
  std::string hidden = "dense";
  int64_t width = 1024;  ///< features after the hidden layer
  int64_t classes = 10;
  data::Statistics
      statistics;  ///< of the training images, per feature; none: inputs are taken as they are
};

/// x [batch, ...] -> standardise -> hidden layer -> ReLU -> linear -> logits [batch, classes].
class CompressedMlp : public Module {
 public:
  CompressedMlp(const CompressedMlpOptions& options, Rng rng);
  /// From config(): weights and statistics are those of an untrained model.
  static std::unique_ptr<Module> make(const Config& config);

  Tensor forward(const Tensor& x) override;
  void fields(Fields& f) override;
  std::string describe() const override;
  Config config() const override;
  Config input() const override { return options_.statistics.input; }

  /// Real numbers in the hidden layer without its bias, as the paper counts.
  int64_t hidden_parameters() { return hidden_->matrix_parameters(); }
  /// The paper's compression factor: inputs x width of the dense layer over the hidden parameters
  /// plus those of the output layer; 1 for a dense hidden layer (reference: Dao et al. 2019, Table
  /// 1).
  double compression();

 private:
  CompressedMlpOptions options_;
  Standardize standardize_;
  std::unique_ptr<StructuredLinear> hidden_;
  Linear head_;
};

}  // namespace papilio::models
