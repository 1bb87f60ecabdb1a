// LowRank: a product of two thin matrices.
#pragma once

#include "papilio/layers/structured_linear.h"

namespace papilio {

struct LowRankOptions {
  int64_t rank = 4;
  bool bias = true;
  DType dtype = DType::f32;
};

/// y = (x H^T) G^T. Parameters: `down` H [rank, in] and `up` G [out, rank], which begin as N(0, 1 /
/// (rank in)) and N(0, 1 / (rank out)) (reference Thomas et al. 2018): y is then smaller than x by
/// sqrt(rank in), which the paper's recipe has to live with.
class LowRank : public StructuredLinear {
 public:
  LowRank(int64_t in_features, int64_t out_features, const LowRankOptions& options, Rng rng);

  Tensor multiply(const Tensor& x) override { return linear(linear(x, down_), up_); }
  std::unique_ptr<StructuredLinear> with_scaled_input(const Tensor& d) const override;
  void fields(Fields& f) override { f("down", down_), f("up", up_), f("bias", bias_); }
  Config config() const override;
  std::string describe() const override { return described("LowRank", concat("rank = ", rank_)); }

  int64_t rank() const { return rank_; }
  const Parameter& down() const { return down_; }
  const Parameter& up() const { return up_; }

 protected:
  int64_t flops_per_row() const override;

 private:
  int64_t rank_;
  Parameter down_, up_;
};

}  // namespace papilio
