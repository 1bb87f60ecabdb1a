// Butterfly: a product of sparse factors that mix pairs of features, n log n instead of n^2 numbers
// (Dao et al. 2019, "Learning Fast Algorithms for Linear Transforms Using Butterfly
// Factorizations").
#pragma once

#include <string>

#include "papilio/layers/derived_tensor.h"
#include "papilio/layers/structured_linear.h"

namespace papilio {

struct ButterflyOptions {
  bool bias = true;
  DType dtype = DType::f32;       ///< c64 or c128 for a complex layer, whose input is complex too
  bool increasing_stride = true;  ///< of the first block; directions alternate from block to block
  int64_t nblocks = 1;
  bool tied = false;  ///< one 2 x 2 matrix for all repeats within a factor: 4 (n-1) numbers a block
  int64_t n = 0;      ///< a power of two >= in_features; 0: the least one
  std::string init = "randn";  ///< one of the names of initial_twiddle()
};

struct MultiplyOptions {
  bool transpose = false;  ///< by the transpose: [..., out_features] -> [..., in_features]
  bool conjugate = false;  ///< by the complex conjugate; with transpose, the Hermitian adjoint
};

/// Any sizes: the input is padded with zeros to n, unless asked otherwise the power of two at or
/// above in_features, and ceil(out_features / n) independent n x n stacks read it; their outputs
/// stand side by side and are cut to out_features. For n = 1 the matrix is all ones. Parameters:
/// `twiddle`, as butterfly_multiply() or tied_twiddle() take it, and `bias`.
class Butterfly : public StructuredLinear {
 public:
  Butterfly(int64_t in_features, int64_t out_features, const ButterflyOptions& options, Rng rng);
  /// With a given twiddle, whose dtype, n and nblocks those of the layer are; no bias. Throws Error
  /// when its shape doesn't fit.
  static Butterfly from_twiddle(int64_t in_features, int64_t out_features, const Tensor& twiddle,
                                bool increasing_stride = true, bool tied = false);

  Tensor multiply(const Tensor& x) override { return multiply(x, {}); }
  /// By the matrix of this layer, its transpose, conjugate or both; without the bias.
  Tensor multiply(const Tensor& x, const MultiplyOptions& options);
  /// forward() in the other layout: x [in_features, batch] -> [out_features, batch]. For callers
  /// that keep activations so between structured layers.
  Tensor forward_features_major(const Tensor& x);
  /// Multiplies the matrix by `factor` > 0, spread evenly over all factors.
  void scale_matrix(double factor);

  void fields(Fields& f) override { f("twiddle", twiddle_), f("bias", bias_); }
  std::string describe() const override;
  Config config() const override;

  const Parameter& twiddle() const { return twiddle_; }
  std::unique_ptr<StructuredLinear> with_scaled_input(const Tensor& d) const override;
  /// The twiddle as butterfly_multiply() takes it: the tied one expanded.
  Tensor untied_twiddle() const;
  int64_t n() const { return n_; }
  int64_t nstacks() const { return nstacks_; }
  int64_t nblocks() const { return nblocks_; }
  bool increasing_stride() const { return increasing_stride_; }
  bool tied() const { return tied_; }

 protected:
  Tensor apply(const Tensor& x) override;
  int64_t flops_per_row() const override;

 private:
  Butterfly(int64_t in_features, int64_t out_features, const ButterflyOptions& options,
            const Tensor& twiddle, Rng rng);

  int64_t n_, nstacks_, nblocks_;
  bool increasing_stride_, tied_;
  Parameter twiddle_;
  DerivedTensor untied_;
};

}  // namespace papilio
