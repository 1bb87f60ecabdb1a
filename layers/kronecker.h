// Kronecker: one structured layer on the rows of an image, another on its columns.
#pragma once

#include <memory>
#include <string>

#include "papilio/layers/structured_linear.h"

namespace papilio {

/// The matrix A (x) B: x [..., a b], seen as [..., a, b] row-major, is multiplied by B along its
/// last axis and by A along the one before; no bias. With two Fourier transforms the one of two
/// dimensions; with an identity A one layer for many groups of features, with an identity B one for
/// all channels of channels-last pixels. The parts are named "left" and "right".
class Kronecker : public StructuredLinear {
 public:
  using Part = std::unique_ptr<StructuredLinear>;
  /// Throws Error when a part has a bias or their dtypes differ.
  Kronecker(Part left, Part right);
  /// A (x) I and I (x) B, with the identity of that size.
  Kronecker(Part left, int64_t right);
  Kronecker(int64_t left, Part right);

  Tensor multiply(const Tensor& x) override;
  void fields(Fields& f) override { f("left", left_), f("right", right_); }
  std::string describe() const override;
  Config config() const override;

 protected:
  int64_t flops_per_row() const override;

 private:
  struct Axis {
    int64_t in, out;
  };
  Kronecker(Part left, Part right, Axis a, Axis b);

  Axis a_, b_;
  Part left_, right_;
  Tensor to_columns_, to_rows_;  // indices of [a, b] -> [b, a] and back, functions of the sizes
};

}  // namespace papilio
