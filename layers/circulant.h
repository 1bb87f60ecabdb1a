// Circulant: every column is the one before it, shifted down by one with wrap-around.
#pragma once

#include "papilio/layers/derived_tensor.h"
#include "papilio/layers/fourier.h"
#include "papilio/layers/structured_linear.h"

namespace papilio {

struct CirculantOptions {
  bool bias = true;
  DType dtype = DType::f32;  ///< f32 or f64
};

/// The upper left corner of the n x n circulant matrix M[i, j] = c[(i - j) mod n], n = max(in,
/// out), any n. Parameter: `column` c [n], which begins as N(0, 1/n) (Cheng et al. 2015; reference
/// Thomas et al. 2018). Multiplied by Fourier transforms of n numbers, or of the power of two at or
/// above 2n - 1 when n is not one.
class Circulant : public StructuredLinear {
 public:
  Circulant(int64_t in_features, int64_t out_features, const CirculantOptions& options, Rng rng);

  Tensor multiply(const Tensor& x) override;
  void fields(Fields& f) override { f("column", column_), f("bias", bias_); }
  Config config() const override { return base_config(); }
  std::string describe() const override { return described("Circulant"); }

  const Parameter& column() const { return column_; }

 protected:
  int64_t flops_per_row() const override;

 private:
  Tensor spectrum() const;

  int64_t n_, size_;  // of the matrix and of the transform
  Fourier fourier_;
  Tensor index_;  // of c in the column of the circulant matrix of size_ that holds this one
  Parameter column_;
  DerivedTensor spectrum_;
};

}  // namespace papilio
