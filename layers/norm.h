// Normalising layers: by the statistics of the batch, of the row, or of the training data.
#pragma once

#include <memory>
#include <string>

#include "papilio/layers/derived_tensor.h"
#include "papilio/layers/structured_linear.h"

namespace papilio {

struct BatchNormOptions {
  double epsilon = 1e-5;
  double momentum = 0.1;  ///< weight of the new batch in the running statistics
  DType dtype = DType::f32;
};

/// Normalises every channel, the last axis of x [..., channels] of any rank >= 2, then scales by
/// `weight` and shifts by `bias`. While a Tape records and the layer is not frozen: by the
/// statistics of the batch, which also move the buffers `running_mean` and `running_var` (the
/// unbiased variance, as in PyTorch). Otherwise by these buffers. Then the activation that was
/// fused to the layer.
class BatchNorm2d : public Module {
 public:
  explicit BatchNorm2d(int64_t channels, const BatchNormOptions& options = {});

  Tensor forward(const Tensor& x) override { return forward(x, {}); }
  /// activation(normalised x + residual), in the same passes over memory: the end of a residual
  /// block. The residual has the shape of x, or is undefined.
  Tensor forward(const Tensor& x, const Tensor& residual);
  using Module::operator();
  Tensor operator()(const Tensor& x, const Tensor& residual) {
    return call(x, [&] { return forward(x, residual); });
  }
  /// forward(conv2d(x, weight, {}, options), residual) in fewer passes over memory; only where
  /// constant() is false.
  Tensor after_conv(const Tensor& x, const Tensor& weight, const Conv2dOptions& options,
                    const Tensor& residual);
  /// after(conv2d(before(x), weight, {}, groups) + residual) as one op, norm_conv_norm(); only
  /// where constant() is false for both, and where `before` has no activation.
  static Tensor around_conv(BatchNorm2d& before, const Tensor& x, const Tensor& weight,
                            int64_t groups, BatchNorm2d& after, const Tensor& residual);
  /// From now on forward() applies the activation, in the same pass over memory: faster than an op
  /// of its own. None at first.
  void fuse(Activation activation) { activation_ = activation; }
  Activation activation() const { return activation_; }
  double epsilon() const { return options_.epsilon; }

  /// Whether forward() takes the running statistics here.
  bool constant() const { return !Tape::recording() || frozen(); }
  /// Whether a tape here wants the gradient of the layer's own parameters or of one of these;
  /// `bias` may be undefined, here and below.
  bool wants_gradient(const Tensor& weight, const Parameter& bias) const;
  struct Folded {
    Tensor weight, bias;
  };
  /// What makes one convolution of a convolution by `weight` [channels, ...] and `bias` and this
  /// norm by the running statistics; the i64 `order` [channels], if defined, permutes the channels
  /// of the result. Kept until one of the tensors is written.
  Folded folded(const Tensor& weight, const Parameter& bias, const Tensor& order = {}) const;
  void fields(Fields& f) override {
    f("weight", weight_), f("bias", bias_), f("running_mean", mean_), f("running_var", variance_);
  }
  std::string describe() const override;
  Cost cost(const Shape& input) const override { return {.flops = 2 * input.numel()}; }

 private:
  // Throws Error when x has one value a channel.
  void track(const BatchStatistics& batch, const Shape& x);

  int64_t channels_;
  BatchNormOptions options_;
  Parameter weight_, bias_;
  Tensor mean_, variance_;
  Activation activation_ = Activation::none;
  DerivedTensor folded_weight_, folded_bias_;
};

struct LayerNormOptions {
  double epsilon = 1e-5;
  DType dtype = DType::f32;
};

/// Normalises every row, the last axis of x [..., features], then scales by `weight` and shifts by
/// `bias`.
class LayerNorm : public Module {
 public:
  explicit LayerNorm(int64_t features, const LayerNormOptions& options = {});

  Tensor forward(const Tensor& x) override;
  void fields(Fields& f) override { f("weight", weight_), f("bias", bias_); }
  std::string describe() const override;
  Cost cost(const Shape& input) const override { return {.flops = 7 * input.numel()}; }

 private:
  int64_t features_;
  double epsilon_;
  Parameter weight_, bias_;
};

/// (x - mean) / deviation with fixed statistics, the first layer of a model: they are its buffers,
/// so that a checkpoint takes pictures as they are. A deviation of 0, as of a pixel that is always
/// 0, counts as 1.
class Standardize : public Module {
 public:
  /// Statistics of the trailing axes of x: [features], [channels] or [height, width, channels].
  Standardize(const Tensor& mean, const Tensor& deviation);
  ~Standardize() override;
  Standardize(Standardize&&) noexcept;
  Standardize& operator=(Standardize&&) noexcept;
  /// Mean 0 and deviation 1, to be loaded.
  explicit Standardize(const Shape& shape, DType dtype = DType::f32);

  Tensor forward(const Tensor& x) override;
  /// next(forward(x)), of images [batch, ...] as rows of next.in_features(). In plain inference
  /// both are one layer where StructuredLinear::on_raw_input() gives one. It is kept, for the last
  /// `next`, until the statistics, its activation or what its fields() list change.
  Tensor before(StructuredLinear& next, const Tensor& x);
  void fields(Fields& f) override { f("mean", mean_), f("deviation", deviation_); }
  std::string describe() const override;
  Cost cost(const Shape& input) const override { return {.flops = 2 * input.numel()}; }

  const Tensor& mean() const { return mean_; }
  const Tensor& deviation() const { return deviation_; }

 private:
  struct Folded;                                 // the layer that before() keeps
  std::shared_ptr<const Tensor> factor() const;  // 1 / deviation

  Tensor mean_, deviation_;
  std::unique_ptr<Folded> folded_;
};

}  // namespace papilio
