// Conv2d: convolution of channels-last images.
#pragma once

#include <string>

#include "papilio/core/random.h"
#include "papilio/layers/module.h"

namespace papilio {

class BatchNorm2d;

struct Conv2dLayerOptions {
  int64_t stride = 1, padding = 0, dilation = 1, groups = 1;  ///< the same in both directions
  bool bias = true;
  DType dtype = DType::f32;
  std::string init = "uniform";  ///< of initial_weight(): uniform, normal, he or small
};

/// x [batch, height, width, in] -> [batch, oh, ow, out], as the op conv2d; groups = in = out is
/// depthwise. Parameters: weight [out, in/groups, kernel, kernel] and bias [out], uniform in
/// +-1/sqrt(fan in), fan in = in/groups kernel^2; `init` draws the weight otherwise.
class Conv2d : public Module {
 public:
  /// Throws Error unless all sizes are >= 1 and groups divides both channel numbers.
  Conv2d(int64_t in_channels, int64_t out_channels, int64_t kernel,
         const Conv2dLayerOptions& options, Rng rng);

  Tensor forward(const Tensor& x) override;
  /// By another weight of the same shape and another bias, with what is fused; for inference, see
  /// conv2d_fused().
  Tensor forward(const Tensor& x, const Tensor& weight, const Conv2dFusion& fused);
  using Module::operator();
  Tensor operator()(const Tensor& x, const Tensor& weight, const Conv2dFusion& fused) {
    return call(x, [&] { return forward(x, weight, fused); });
  }
  /// norm(forward(x), residual), of a layer without a bias and by the statistics of the batch; in
  /// fewer passes over memory, see conv2d_batch_norm().
  Tensor forward(const Tensor& x, BatchNorm2d& norm, const Tensor& residual);
  Tensor operator()(const Tensor& x, BatchNorm2d& norm, const Tensor& residual) {
    return call(x, [&] { return forward(x, norm, residual); });
  }
  void fields(Fields& f) override { f("weight", weight_), f("bias", bias_); }
  std::string describe() const override;
  Cost cost(const Shape& input) const override;

  const Parameter& weight() const { return weight_; }
  const Parameter& bias() const { return bias_; }
  const Conv2dOptions& options() const { return options_; }
  bool depthwise() const { return options_.groups == in_ && in_ == out_; }
  /// One pixel of x for one of the result.
  bool pointwise() const { return kernel_ == 1 && options_.stride == 1 && options_.padding == 0; }

 private:
  void check_input(const Tensor& x) const;

  int64_t in_, out_, kernel_;
  Conv2dOptions options_;
  Parameter weight_, bias_;
};

}  // namespace papilio
