// KMatrix: kaleidoscope matrices, which hold every structured matrix with a fast algorithm (Dao et
// al. 2020, "Kaleidoscope: An Efficient, Learnable Representation For All Structured Linear Maps",
// Definition 2.4).
#pragma once

#include <string>
#include <vector>

#include "papilio/layers/derived_tensor.h"
#include "papilio/layers/structured_linear.h"

namespace papilio {

struct KMatrixOptions {
  int64_t width = 1;        ///< w: number of units
  int64_t expansion = 1;    ///< e, a power of two: the units have size e n
  bool orthogonal = false;  ///< OBB: rotations and a diagonal; real
  bool bias = true;
  DType dtype = DType::f32;
  std::string init = "randn";  ///< of initial_twiddle(); orthogonal: angles uniform in [0, 2 pi)
  std::string diagonal = "normal";  ///< or "ones"; orthogonal only
  /// Not empty: an orthogonal layer of width 1, as many features in as out, that begins as
  /// y[..., j] = x[..., permutation[j]], to rounding, by angles of 0 and pi/2.
  std::vector<int64_t> permutation = {};
};

/// The class (BB*)^w_e: w times a butterfly of decreasing strides, then one of increasing strides,
/// of size n = e 2^ceil(log2 in); input padded with zeros, output stacked and cut as by Butterfly.
/// Parameter: `twiddle` (nstacks, 2w, log2 n, n/2, 2, 2).
///
/// Orthogonal: every 2 x 2 matrix is a rotation [[cos, -sin], [sin, cos]], and between the two
/// butterflies of a unit stands a diagonal. Parameters: `angles` (nstacks, 2w, log2 n, n/2) and
/// `diagonal` (nstacks, w, n); n is at least 2.
class KMatrix : public StructuredLinear {
 public:
  KMatrix(int64_t in_features, int64_t out_features, const KMatrixOptions& options, Rng rng);

  /// With given values, whose dtype, width and n those of the layer are; no bias. Throws Error when
  /// a shape doesn't fit.
  static KMatrix from_twiddle(int64_t in_features, int64_t out_features, const Tensor& twiddle);
  static KMatrix from_angles(int64_t in_features, int64_t out_features, const Tensor& angles,
                             const Tensor& diagonal);

  Tensor multiply(const Tensor& x) override;
  /// x M for x [..., out_features] -> [..., in_features], where multiply() gives x M^T: composes
  /// the rows of a layer's weight with the K-matrix that stands before the layer. Throws Error when
  /// there is more than one stack.
  Tensor multiply_transposed(const Tensor& x) const;
  std::unique_ptr<StructuredLinear> with_scaled_input(const Tensor& d) const override;
  /// forward() in the other layout: x [in_features, batch] -> [out_features, batch]. For callers
  /// that keep activations so between structured layers.
  Tensor forward_features_major(const Tensor& x);
  void fields(Fields& f) override {
    f("twiddle", twiddle_), f("angles", angles_), f("diagonal", diagonal_), f("bias", bias_);
  }
  std::string describe() const override;
  Config config() const override;

  /// As butterfly_multiply() takes it, first direction decreasing; angles and diagonal expanded.
  Tensor untied_twiddle() const;
  int64_t n() const { return n_; }
  int64_t nstacks() const { return nstacks_; }
  int64_t width() const { return width_; }
  int64_t expansion() const { return expansion_; }
  bool orthogonal() const { return angles_.defined(); }

 protected:
  Tensor apply(const Tensor& x) override;
  int64_t flops_per_row() const override;

 private:
  // The parameters in the order of fields().
  static KMatrix with_values(int64_t in_features, int64_t out_features, int64_t n, int64_t width,
                             const std::vector<Tensor>& values);

  int64_t n_, nstacks_, width_, expansion_;
  Parameter twiddle_, angles_, diagonal_;
  DerivedTensor rotations_;
};

/// The untied twiddle of orthogonal units from angles (nstacks, 2w, log2 n, n/2) and diagonal
/// (nstacks, w, n), n >= 2: rotations, with the diagonal folded into the last factor of every
/// decreasing block. Differentiable.
Tensor orthogonal_twiddle(const Tensor& angles, const Tensor& diagonal);

}  // namespace papilio
