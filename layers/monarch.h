// Monarch: two block-diagonal matrices with a fixed permutation after each (Dao et al. 2022,
// "Monarch: Expressive Structured Matrices for Efficient and Accurate Training").
#pragma once

#include "papilio/layers/structured_linear.h"

namespace papilio {

struct MonarchOptions {
  int64_t blocks = 0;  ///< b; 0: the power of two at or below sqrt(max(in, out))
  bool bias = true;
  DType dtype = DType::f32;  ///< f32 or f64
};

/// x, padded with zeros to b p features, -> b blocks [m, p] -> the entries regrouped, entry i of
/// all to block i mod b -> b blocks [q, m] -> the blocks interleaved, and cut to out; p = ceil(in /
/// b), q = ceil(out / b), m = min(p, q). Parameters: `first` [b, m, p] and `second` [b, q, m],
/// which begin as N(0, 1/p) and N(0, 1/m): the product keeps the mean square of its input.
class Monarch : public StructuredLinear {
 public:
  Monarch(int64_t in_features, int64_t out_features, const MonarchOptions& options, Rng rng);

  Tensor multiply(const Tensor& x) override;
  void fields(Fields& f) override { f("first", first_), f("second", second_), f("bias", bias_); }
  Config config() const override;
  std::string describe() const override {
    return described("Monarch", concat("blocks = ", blocks_));
  }

  int64_t blocks() const { return blocks_; }

 protected:
  int64_t flops_per_row() const override;

 private:
  int64_t blocks_, in_block_, middle_block_, out_block_;
  Tensor regroup_, interleave_;  // indices
  Parameter first_, second_;
};

}  // namespace papilio
