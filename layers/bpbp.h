// Bpbp: the tied butterflies with bit reversals of the compression experiment (Dao et al. 2019,
// section 4.2).
#pragma once

#include "papilio/layers/derived_tensor.h"
#include "papilio/layers/structured_linear.h"

namespace papilio {

struct BpbpOptions {
  /// Complex twiddles, 16 (n-1) reals instead of 8 (n-1); input and output stay real.
  bool complex = false;
  bool bias = true;  ///< real, begins at 0
  DType dtype = DType::f32;
  std::string init = "ortho";  ///< of initial_twiddle(): randn, ortho or identity
};

/// x -> bit reversal -> tied butterfly -> bit reversal -> tied butterfly, both of increasing
/// strides; when complex, of x with imaginary part 0, and the real part of the result. n is the
/// power of two at or above both sizes. Parameter: `twiddle` (1, 2, n-1, 2, 2) with both
/// butterflies in order of application.
class Bpbp : public StructuredLinear {
 public:
  Bpbp(int64_t in_features, int64_t out_features, const BpbpOptions& options, Rng rng);
  Bpbp(int64_t n, const BpbpOptions& options, Rng rng) : Bpbp(n, n, options, rng) {}

  Tensor multiply(const Tensor& x) override;
  std::unique_ptr<StructuredLinear> with_scaled_input(const Tensor& d) const override;
  void fields(Fields& f) override { f("twiddle", twiddle_), f("bias", bias_); }
  std::string describe() const override;
  Config config() const override;

  int64_t n() const { return n_; }
  const Parameter& twiddle() const { return twiddle_; }

 protected:
  Tensor apply(const Tensor& x) override;
  int64_t flops_per_row() const override;

 private:
  Tensor untied_twiddle() const;

  int64_t n_;
  Tensor index_;  // where each entry of the untied twiddle stands in the tied one; a function of n
  Parameter twiddle_;
  DerivedTensor untied_;
};

}  // namespace papilio
