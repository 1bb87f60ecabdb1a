// StructuredLinear: the base of every layer that multiplies by one matrix, dense or structured.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>

#include "papilio/core/random.h"
#include "papilio/layers/module.h"

namespace papilio {

/// y = x M^T + bias on the last axis: x [..., in_features] -> y [..., out_features]; then the
/// activation that was fused to the layer.
class StructuredLinear : public Module {
 public:
  int64_t in_features() const { return in_features_; }
  int64_t out_features() const { return out_features_; }
  /// Of the input and of the output.
  DType dtype() const { return dtype_; }
  const Parameter& bias() const { return bias_; }

  /// activation(multiply(x) + bias). Throws Error unless the last axis of x is in_features().
  Tensor forward(const Tensor& x) override;
  /// From now on forward() applies the activation, in the same pass over memory where the layer
  /// can: faster than an op of its own. None at first.
  virtual void fuse(Activation activation) { activation_ = activation; }
  Activation activation() const { return activation_; }
  /// x M^T without the bias.
  virtual Tensor multiply(const Tensor& x) = 0;
  /// For inference: a layer of the same sizes that multiplies by M diag(d), d real [in_features] of
  /// the layer's precision, without bias or activation. M depends on what fields() lists alone.
  /// Null where the layer has no such form.
  virtual std::unique_ptr<StructuredLinear> with_scaled_input(const Tensor& /*d*/) const {
    return nullptr;
  }
  /// For inference: a layer that gives for x what forward() gives for (x - mean) factor, both
  /// [in_features] of the layer's dtype. Null where with_scaled_input() is, for complex layers, and
  /// where it would cost digits: a shift mean factor is beyond kLargeShift, or two factors, or one
  /// and 1, are more than kLikeSizes apart.
  std::unique_ptr<StructuredLinear> on_raw_input(const Tensor& mean, const Tensor& factor);
  static constexpr double kLargeShift = 32, kLikeSizes = 64;
  /// M [out_features, in_features], made by multiplying the identity; unknown to tapes.
  Tensor to_dense();
  /// Real numbers in the trained parameters, the bias left out: the "hidden parameters" of the
  /// papers.
  int64_t matrix_parameters();

  /// A dense layer of the same features, dtype and bias is the equivalent.
  Cost cost(const Shape& input) const override;

 protected:
  /// `name` stands in messages. The bias, if any, is uniform in +-1/sqrt(in). Throws Error unless
  /// both sizes are >= 1.
  StructuredLinear(const char* name, int64_t in_features, int64_t out_features, bool bias,
                   DType dtype, Rng rng);

  /// forward() of an x that fits.
  virtual Tensor apply(const Tensor& x);
  void check_input(const Tensor& x) const;
  /// activation(y + bias)
  Tensor finish(const Tensor& y) const;
  /// The bias, or an undefined tensor.
  const Tensor& bias_or_none() const {
    static const Tensor none;
    return bias_.defined() ? bias_.value() : none;
  }
  /// Of multiply() on one row.
  virtual int64_t flops_per_row() const = 0;
  /// "Butterfly(1024, 512, c64, tied)": the type, both sizes, the dtype unless f32, and the details
  /// that are not empty.
  std::string described(const char* type, std::initializer_list<std::string> details = {}) const;
  std::string described(const char* type, const std::string& detail) const {
    return described(type, {detail});
  }

  /// {"layer": the name in messages, "in": .., "out": .., "bias": .., "dtype": ..}, with which
  /// config() begins; make_structured() makes the layer again.
  Config base_config() const;

  const char* name_;
  int64_t in_features_, out_features_;
  DType dtype_;
  Parameter bias_;
  Activation activation_ = Activation::none;
};

}  // namespace papilio
