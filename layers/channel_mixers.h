// Mixers of the channels of images: fixed ones without parameters, and K-matrices as part of the
// convolution that follows them.
#pragma once

#include <string>
#include <vector>

#include "papilio/layers/conv2d.h"
#include "papilio/layers/derived_tensor.h"
#include "papilio/layers/kmatrix.h"
#include "papilio/layers/module.h"

namespace papilio {

/// The channel shuffle as a permutation, y[..., j] = x[..., v[j]].
std::vector<int64_t> shuffle_permutation(int64_t channels, int64_t groups);

/// The channel shuffle of Zhang et al., "ShuffleNet": x [..., channels], whose channels are
/// `groups` runs of channels / groups, to one channel of every run in turn: the transposition of
/// [groups, channels / groups].
class ChannelShuffle : public Module {
 public:
  /// Throws Error unless groups divides channels.
  ChannelShuffle(int64_t channels, int64_t groups);

  Tensor forward(const Tensor& x) override;
  std::string describe() const override;

  /// i64 [channels]: the layer is gather(x, order()).
  const Tensor& order() const { return order_; }
  /// Where channel i of x goes.
  const Tensor& places() const { return places_; }

 private:
  int64_t channels_, groups_;
  Tensor order_, places_;
};

/// The Hadamard transform over the channels: x [..., channels], padded with zeros to the next power
/// of two n, times the orthonormal Hadamard matrix of size n (1/sqrt 2 in each of its log2 n
/// factors), cut to channels.
class ChannelHadamard : public Module {
 public:
  explicit ChannelHadamard(int64_t channels);

  Tensor forward(const Tensor& x) override;
  std::string describe() const override;
  Cost cost(const Shape& input) const override;

 private:
  int64_t channels_, n_;
  Tensor twiddle_;
};

/// A K-matrix over the channels together with what follows it, as the one dense matrix that is
/// their product: the same function of the same parameters, but images are multiplied once, by a
/// matrix that is small beside their number of pixels. Gradients go through the product.
class ComposedMixer {
 public:
  enum class Use : uint8_t { training, inference };
  /// Is the product with a weight of `out` rows less work than the K-matrix? In training, forward
  /// and backward, by measured costs a multiplication: 1.1 in a dense matrix, 2.4 in a K-matrix, of
  /// which a step does 3 and 4 times those of a forward pass. In inference, where a butterfly needs
  /// half of its multiplications, ShuffleNet is faster with the K-matrix itself from 8 times n log2
  /// n products on, and slower at 4.5 times (tests/peers/run.sh shufflenet --task infer_64_32).
  static bool pays(const KMatrix& mixer, int64_t out, Use use = Use::training);

  /// The weight [channels, channels, 1, 1] of a convolution that is the K-matrix itself.
  Tensor weight(KMatrix& mixer) const;
  /// The weight [out, channels, 1, 1] of a convolution without groups that is `next`, 1x1 in any
  /// number of groups, after the K-matrix.
  Tensor weight(KMatrix& mixer, const Conv2d& next) const;

 private:
  DerivedTensor kept_;
};

/// w [out, in / groups, kh, kw] of a convolution in groups as that of one without: [out, in, kh,
/// kw], zero where a group does not look. Differentiable.
Tensor ungrouped_weight(const Tensor& weight, int64_t groups);

}  // namespace papilio
