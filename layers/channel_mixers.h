// Fixed mixers of the channels of images, without parameters.
#pragma once

#include <string>

#include "papilio/layers/module.h"

namespace papilio {

/// The channel shuffle of Zhang et al., "ShuffleNet": x [..., channels], whose channels are
/// `groups` runs of channels / groups, to one channel of every run in turn: the transposition of
/// [groups, channels / groups].
class ChannelShuffle : public Module {
 public:
  /// Throws Error unless groups divides channels.
  ChannelShuffle(int64_t channels, int64_t groups);

  Tensor forward(const Tensor& x) override;
  std::string describe() const override;

 private:
  int64_t channels_, groups_;
  Tensor index_;
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

}  // namespace papilio
