// BlockDiagonal: a small dense matrix for every group of features, a number for every feature.
#pragma once

#include <string>

#include "papilio/layers/structured_linear.h"

namespace papilio {

/// x [..., count in], seen as [..., count, in], times blocks [count, out, in], one for each group;
/// no bias. Blocks of 1 x 1 are a diagonal. Of the spectra of an image it is what a convolution of
/// several channels multiplies by. Parameter: `blocks`.
class BlockDiagonal : public StructuredLinear {
 public:
  /// blocks [count, out, in], or a diagonal [count]. Their values are copied.
  explicit BlockDiagonal(const Tensor& blocks) : BlockDiagonal(Blocks{three_axes(blocks)}) {}

  Tensor multiply(const Tensor& x) override;
  void fields(Fields& f) override { f("blocks", blocks_); }
  std::string describe() const override;
  Config config() const override;

  const Parameter& blocks() const { return blocks_; }

 protected:
  int64_t flops_per_row() const override;

 private:
  struct Blocks {
    Tensor values;
  };
  explicit BlockDiagonal(const Blocks& blocks);
  static Tensor three_axes(const Tensor& blocks);

  Parameter blocks_;
  Tensor repeat_;  // the index of [count, in] -> [count, out, in], a function of the sizes
};

}  // namespace papilio
