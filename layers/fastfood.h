// Fastfood: two Hadamard transforms between three diagonals.
#pragma once

#include "papilio/layers/structured_linear.h"

namespace papilio {

struct FastfoodOptions {
  bool bias = true;
  DType dtype = DType::f32;  ///< f32 or f64
};

/// y = S H G P H B x, adaptive: all three diagonals are trained (Le et al. 2013; Yang et al. 2015,
/// "Deep Fried Convnets"). H is the orthonormal Hadamard transform of n, the power of two at or
/// above both sizes, and P a random permutation. Parameters: `input_diagonal` B [in], which begins
/// as random signs, `middle_diagonal` G [n], N(0, 1), and `output_diagonal` S [out], sqrt(chi
/// squared of n) / ||G||: every row of the matrix then has the length of a row of N(0, 1/n)
/// numbers. Buffer: `permutation` i64 [n].
class Fastfood : public StructuredLinear {
 public:
  Fastfood(int64_t in_features, int64_t out_features, const FastfoodOptions& options, Rng rng);

  Tensor multiply(const Tensor& x) override;
  void fields(Fields& f) override {
    f("input_diagonal", input_), f("middle_diagonal", middle_), f("output_diagonal", output_),
        f("permutation", permutation_), f("bias", bias_);
  }
  Config config() const override { return base_config(); }
  std::string describe() const override { return described("Fastfood"); }

 protected:
  int64_t flops_per_row() const override;

 private:
  int64_t n_;
  Tensor hadamard_;  // the twiddle; a constant
  Tensor permutation_;
  Parameter input_, middle_, output_;
};

}  // namespace papilio
