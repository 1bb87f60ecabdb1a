#include "papilio/layers/channel_mixers.h"

#include <bit>
#include <cmath>
#include <vector>

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

Tensor identity(int64_t n, DType dtype) {
  Tensor one = Tensor::zeros({n, n}, dtype);
  dispatch_floating(dtype, "identity", [&]<class T>() {
    for (int64_t i = 0; i < n; ++i) one.mutable_data<T>()[i * (n + 1)] = T(1);
  });
  return one;
}

std::vector<Tensor> values(const std::vector<Parameter>& parameters) {
  return {parameters.begin(), parameters.end()};
}

}  // namespace

std::vector<int64_t> shuffle_permutation(int64_t channels, int64_t groups) {
  check(groups >= 1 && channels >= 1 && channels % groups == 0, "channel shuffle: ", groups,
        " groups don't divide ", channels, " channels");
  std::vector<int64_t> v(static_cast<size_t>(channels));
  for (int64_t j = 0; j < channels; ++j)
    v[static_cast<size_t>(j)] = j % groups * (channels / groups) + j / groups;
  return v;
}

ChannelShuffle::ChannelShuffle(int64_t channels, int64_t groups)
    : channels_(channels), groups_(groups) {
  order_ = Tensor::from(shuffle_permutation(channels, groups), {channels});
  places_ = Tensor::from(shuffle_permutation(channels, channels / groups), {channels});
}

Tensor ChannelShuffle::forward(const Tensor& x) {
  check(x.rank() >= 1 && x.dim(-1) == channels_, "channel shuffle: x", x.shape(),
        " doesn't have the ", channels_, " channels of the layer last");
  return gather(x, order_);
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

bool ComposedMixer::pays(const KMatrix& mixer, int64_t out, Use use) {
  const int64_t n = mixer.n(), products = use == Use::training ? 9 : 6;
  return mixer.nstacks() == 1 &&
         out * mixer.in_features() <= products * n * levels(n) * mixer.width();
}

Tensor ComposedMixer::weight(KMatrix& mixer) const {
  const int64_t channels = mixer.out_features();
  return kept_.get(values(mixer.parameters()), [&] {
    return reshape(mixer.multiply_transposed(identity(channels, mixer.dtype())),
                   {channels, mixer.in_features(), 1, 1});
  });
}

Tensor ComposedMixer::weight(KMatrix& mixer, const Conv2d& next) const {
  std::vector<Tensor> sources = values(mixer.parameters());
  sources.push_back(next.weight());
  return kept_.get(sources, [&] {
    const Tensor rows = ungrouped_weight(next.weight(), next.options().groups);
    return reshape(mixer.multiply_transposed(reshape(rows, {rows.dim(0), rows.dim(1)})),
                   {rows.dim(0), mixer.in_features(), 1, 1});
  });
}

Tensor ungrouped_weight(const Tensor& weight, int64_t groups) {
  check(weight.rank() == 4 && groups >= 1 && weight.dim(0) % groups == 0,
        "ungrouped_weight: ", weight,
        " is no weight [out, in / groups, kh, kw] of a convolution in ", groups, " groups");
  if (groups == 1) return weight;
  const int64_t rows = weight.dim(0), own = weight.numel() / rows, run = rows / groups;
  // Behind the weight's numbers stands the zero of all that no group sees.
  std::vector<int64_t> index(static_cast<size_t>(rows * groups * own), weight.numel());
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < own; ++i)
      index[static_cast<size_t>((r * groups + r / run) * own + i)] = r * own + i;
  const Tensor numbers =
      concat({reshape(weight, {weight.numel()}), Tensor::zeros({1}, weight.dtype())}, 0);
  return reshape(gather(numbers, Tensor::from(index, {rows * groups * own})),
                 {rows, groups * weight.dim(1), weight.dim(2), weight.dim(3)});
}

}  // namespace papilio
