// LDR: matrices of low displacement rank whose operators are learned (Thomas et al. 2018, "Learning
// Compressed Transforms with Low Displacement Rank").
#pragma once

#include "papilio/layers/derived_tensor.h"
#include "papilio/layers/structured_linear.h"

namespace papilio {

struct LdrOptions {
  int64_t rank = 1;
  bool bias = true;
  DType dtype = DType::f32;  ///< f32 or f64
};

/// The sum over i < rank of K(A, g_i) K(B^T, h_i)^T; K(A, v) has the columns v, A v, ... A^(m-1) v,
/// m = min(in, out). A [out, out] and B [in, in] are trained matrices with few diagonals; they
/// begin as shifts down by one. Parameters: the diagonals of A, `a_lower` and where they are
/// trained `a_diagonal` and `a_upper`, those of B likewise, and `left` g [rank, out] and `right` h
/// [rank, in], which begin as N(0, 1 / (rank features)).
///
/// A step of training makes the two Krylov matrices in O(rank m n) and multiplies by both.
/// Inference multiplies by the dense matrix, kept until a parameter changes: at the sizes of
/// networks the O(n log^2 n) algorithm of polynomials takes more time than a dense product.
class Ldr : public StructuredLinear {
 public:
  Tensor multiply(const Tensor& x) override;
  Config config() const override;
  void fields(Fields& f) override;

  int64_t rank() const { return rank_; }

 protected:
  Ldr(const char* name, int64_t in_features, int64_t out_features, const LdrOptions& options,
      bool tridiagonal, Rng rng);
  int64_t flops_per_row() const override { return 2 * in_features_ * out_features_; }
  std::string rank_text() const { return concat("rank = ", rank_); }

 private:
  struct Bands {
    Parameter lower, diagonal, upper;
  };
  Bands initial_bands(int64_t n, bool tridiagonal) const;
  Tensor left_krylov() const;
  Tensor right_krylov() const;

  int64_t rank_, steps_;
  Bands a_, b_;
  Parameter left_, right_;
  DerivedTensor dense_;
};

/// A and B tridiagonal: 3 (in + out) - 4 + rank (in + out) numbers.
class LdrTridiagonal : public Ldr {
 public:
  LdrTridiagonal(int64_t in_features, int64_t out_features, const LdrOptions& options, Rng rng)
      : Ldr("ldr_tridiagonal", in_features, out_features, options, true, rng) {}
  std::string describe() const override { return described("LdrTridiagonal", rank_text()); }
};

/// A and B with one diagonal below the main one: in + out - 2 + rank (in + out) numbers.
class LdrSubdiagonal : public Ldr {
 public:
  LdrSubdiagonal(int64_t in_features, int64_t out_features, const LdrOptions& options, Rng rng)
      : Ldr("ldr_subdiagonal", in_features, out_features, options, false, rng) {}
  std::string describe() const override { return described("LdrSubdiagonal", rank_text()); }
};

}  // namespace papilio
