// ToeplitzLike: matrices of low displacement rank for the shift operators of Toeplitz matrices.
#pragma once

#include "papilio/layers/derived_tensor.h"
#include "papilio/layers/fourier.h"
#include "papilio/layers/structured_linear.h"

namespace papilio {

struct ToeplitzLikeOptions {
  int64_t rank = 4;  ///< displacement rank; 2 holds every Toeplitz matrix
  bool bias = true;
  DType dtype = DType::f32;  ///< f32 or f64
};

/// The upper left corner of the n x n matrix sum over i < rank of K(Z_1, g_i) K(Z_-1, h_i)^T, n the
/// power of two at or above both sizes; Z_f shifts down by one and brings the last entry to the top
/// times f, and K(Z, v) has the columns v, Z v, ... Z^(n-1) v (Sindhwani et al. 2015; reference
/// Thomas et al. 2018): sums of products of a circulant and a skew-circulant matrix. Parameters:
/// `left` g and `right` h, [rank, n] each, which begin as N(0, 1/(rank n)). Multiplied by 2 +
/// 2 ceil(rank / 2) Fourier transforms.
class ToeplitzLike : public StructuredLinear {
 public:
  ToeplitzLike(int64_t in_features, int64_t out_features, const ToeplitzLikeOptions& options,
               Rng rng);

  Tensor multiply(const Tensor& x) override;
  void fields(Fields& f) override { f("left", left_), f("right", right_), f("bias", bias_); }
  Config config() const override;
  std::string describe() const override {
    return described("ToeplitzLike", concat("rank = ", rank_));
  }

  int64_t rank() const { return rank_; }
  const Parameter& left() const { return left_; }
  const Parameter& right() const { return right_; }

 protected:
  int64_t flops_per_row() const override;

 private:
  int64_t pairs() const { return (rank_ + 1) / 2; }
  Tensor spectra() const;

  int64_t n_, rank_;
  Fourier fourier_;
  Tensor twist_, untwist_;  // eta^j and eta^-j, eta = exp(i pi / n)
  Parameter left_, right_;
  DerivedTensor spectra_;
};

}  // namespace papilio
