// Linear: the dense layer.
#pragma once

#include <string>

#include "papilio/layers/structured_linear.h"

namespace papilio {

struct LinearOptions {
  bool bias = true;
  DType dtype = DType::f32;
  std::string init = "uniform";  ///< of initial_weight(): uniform, normal, he or small
};

/// x [..., in] -> x W^T + bias [..., out]; weight [out, in], bias [out], named so. Weights and bias
/// begin uniform in +-1/sqrt(in), as in PyTorch; `init` draws the weight otherwise.
class Linear : public StructuredLinear {
 public:
  Linear(int64_t in_features, int64_t out_features, const LinearOptions& options, Rng rng);

  Tensor multiply(const Tensor& x) override;
  void fields(Fields& f) override { f("weight", weight_), f("bias", bias_); }
  std::string describe() const override { return described("Linear"); }
  Config config() const override { return base_config(); }

  const Parameter& weight() const { return weight_; }

 protected:
  Tensor apply(const Tensor& x) override;
  int64_t flops_per_row() const override;

 private:
  Parameter weight_;
};

}  // namespace papilio
