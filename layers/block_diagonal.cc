#include "papilio/layers/block_diagonal.h"

#include <vector>

namespace papilio {
Tensor BlockDiagonal::three_axes(const Tensor& blocks) {
  check(blocks.rank() == 1 || blocks.rank() == 3, "block-diagonal: blocks ", blocks,
        ", expected [count, out, in] or [count]");
  const Tensor copy = blocks.clone();
  return blocks.rank() == 3 ? copy : copy.view({blocks.dim(0), 1, 1});
}

BlockDiagonal::BlockDiagonal(const Blocks& blocks)
    : StructuredLinear("block-diagonal", blocks.values.dim(0) * blocks.values.dim(2),
                       blocks.values.dim(0) * blocks.values.dim(1), false, blocks.values.dtype(),
                       Rng(0)),
      blocks_(blocks.values, {.weight_decay = false}) {
  const int64_t count = blocks.values.dim(0), out = blocks.values.dim(1), in = blocks.values.dim(2);
  if (out == 1) return;
  std::vector<int64_t> index;
  for (int64_t block = 0; block < count; ++block)
    for (int64_t i = 0; i < out * in; ++i) index.push_back(block * in + i % in);
  repeat_ = Tensor::from(index, {count * out * in});
}

Tensor BlockDiagonal::multiply(const Tensor& x) {
  const int64_t in = blocks_.value().dim(2), entries = blocks_.value().numel();
  const Tensor each = repeat_.defined() ? gather(x, repeat_) : x;
  const Tensor products = mul(each, reshape(blocks_, {entries}));
  if (in == 1) return products;
  const int64_t rows = x.numel() / in_features_;
  return reshape(sum(reshape(products, {rows * out_features_, in}), -1),
                 x.shape().with(-1, out_features_));
}

int64_t BlockDiagonal::flops_per_row() const {
  // Products, and the sums of all but the first in a row.
  const int64_t products = blocks_.value().numel(), sums = products - out_features_;
  return is_complex(dtype_) ? 6 * products + 2 * sums : products + sums;
}

std::string BlockDiagonal::describe() const {
  const Tensor& blocks = blocks_;
  return described("BlockDiagonal",
                   concat(blocks.dim(0), " of ", blocks.dim(1), " x ", blocks.dim(2)));
}

Config BlockDiagonal::config() const {
  Config config = base_config();
  config["count"] = blocks_.value().dim(0);
  return config;
}

}  // namespace papilio
