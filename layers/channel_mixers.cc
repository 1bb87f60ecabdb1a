#include "papilio/layers/channel_mixers.h"

#include <bit>
#include <cmath>

#include "papilio/core/ops.h"

namespace papilio {
namespace {

int64_t levels(int64_t n) { return std::countr_zero(static_cast<uint64_t>(n)); }

Tensor hadamard_twiddle(int64_t n) {
  Tensor twiddle({1, 1, levels(n), n / 2, 2, 2}, DType::f32);
  const auto value = static_cast<float>(1 / std::sqrt(2.0));
  for (float *t = twiddle.mutable_data<float>(), *end = t + twiddle.numel(); t != end; t += 4)
    t[0] = t[1] = t[2] = value, t[3] = -value;
  return twiddle;
}

}  // namespace

ChannelShuffle::ChannelShuffle(int64_t channels, int64_t groups)
    : channels_(channels), groups_(groups), index_({channels}, DType::i64) {
  check(groups >= 1 && channels >= 1 && channels % groups == 0, "channel shuffle: ", groups,
        " groups don't divide ", channels, " channels");
  const int64_t run = channels / groups;
  for (int64_t j = 0; j < channels; ++j)
    index_.mutable_data<int64_t>()[j] = j % groups * run + j / groups;
}

Tensor ChannelShuffle::forward(const Tensor& x) {
  check(x.rank() >= 1 && x.dim(-1) == channels_, "channel shuffle: x", x.shape(),
        " doesn't have the ", channels_, " channels of the layer last");
  return gather(x, index_);
}

std::string ChannelShuffle::describe() const {
  return concat("ChannelShuffle(", channels_, ", ", groups_, " groups)");
}

ChannelHadamard::ChannelHadamard(int64_t channels)
    : channels_(channels),
      n_(static_cast<int64_t>(
          std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(channels, 1))))),
      twiddle_(hadamard_twiddle(n_)) {
  check(channels >= 1, "channel hadamard: ", channels, " channels, at least 1 is needed");
}

Tensor ChannelHadamard::forward(const Tensor& x) {
  check(x.rank() >= 1 && x.dim(-1) == channels_, "channel hadamard: x", x.shape(),
        " doesn't have the ", channels_, " channels of the layer last");
  return butterfly_multiply(x, twiddle_, n_, true, channels_);
}

std::string ChannelHadamard::describe() const { return concat("ChannelHadamard(", channels_, ")"); }

Cost ChannelHadamard::cost(const Shape& input) const {
  return {.flops = 2 * n_ * levels(n_) * input.leading().numel()};
}

}  // namespace papilio
