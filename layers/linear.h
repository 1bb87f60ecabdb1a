// Linear: the dense layer.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "papilio/layers/structured_linear.h"

namespace papilio {

struct LinearOptions {
  bool bias = true;
  DType dtype = DType::f32;
  std::string init = "uniform";  ///< of initial_weight(): uniform, normal, he or small
};

/// x [..., in] -> x W^T + bias [..., out]; weight [out, in], bias [out], named so. Weights and bias
/// begin uniform in +-1/sqrt(in), as in PyTorch; `init` draws the weight otherwise.
/// Another layer can take its place: see replace().
class Linear : public StructuredLinear {
 public:
  Linear(int64_t in_features, int64_t out_features, const LinearOptions& options, Rng rng);

  Tensor multiply(const Tensor& x) override;
  /// Of what replaced the layer; a dense matrix is not copied for it.
  std::unique_ptr<StructuredLinear> with_scaled_input(const Tensor& d) const override {
    return replacement_ ? replacement_->with_scaled_input(d) : nullptr;
  }
  void fuse(Activation activation) override;
  void fields(Fields& f) override;
  std::string describe() const override;
  Config config() const override;
  Cost cost(const Shape& input) const override;

  /// Undefined when the layer is replaced.
  const Parameter& weight() const { return weight_; }

  /// From now on this place in a network, made for a dense layer, holds `layer`: parameters,
  /// multiplication, cost and description are its, the fused activation stays. Checkpoints hold its
  /// config(), and models::load() replaces again. Throws Error unless `layer` has the same features
  /// and dtype.
  void replace(std::unique_ptr<StructuredLinear> layer);
  /// What replaced it; null for a dense layer. Its activation is that of this layer: use fuse()
  /// here.
  const StructuredLinear* replacement() const { return replacement_.get(); }
  StructuredLinear* replacement() { return replacement_.get(); }

 protected:
  Tensor apply(const Tensor& x) override;
  int64_t flops_per_row() const override;

 private:
  Parameter weight_;
  std::unique_ptr<StructuredLinear> replacement_;
};

/// The Linear layers of a model with their paths, also those that are replaced, in the order of
/// fields().
std::vector<std::pair<std::string, Linear*>> linear_layers(Module& model);

}  // namespace papilio
