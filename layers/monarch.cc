#include "papilio/layers/monarch.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

namespace papilio {
namespace {

int64_t block_count(int64_t blocks, int64_t features) {
  check(blocks >= 0, "monarch: blocks = ", blocks, "; at least 1 is needed, or 0 to choose");
  if (blocks > 0) return blocks;
  const auto bits = std::bit_width(static_cast<uint64_t>(features)) - 1;
  return int64_t{1} << (bits / 2);
}

int64_t ceil_divide(int64_t a, int64_t b) { return (a + b - 1) / b; }

// The first `count` entries of [rows, columns] transposed to [columns, rows].
Tensor transposed_index(int64_t rows, int64_t columns, int64_t count) {
  std::vector<int64_t> index(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) index[static_cast<size_t>(i)] = i % rows * columns + i / rows;
  return Tensor::from(index, {count});
}

// x [rows, b p] through b blocks [q, p]: a grouped convolution of one pixel.
Tensor multiply_blocks(const Tensor& x, const Tensor& blocks) {
  const int64_t rows = x.dim(0), b = blocks.dim(0), q = blocks.dim(1), p = blocks.dim(2);
  const Tensor y =
      conv2d(reshape(x, {rows, 1, 1, b * p}), reshape(blocks, {b * q, p, 1, 1}), {}, {.groups = b});
  return reshape(y, {rows, b * q});
}

}  // namespace

Monarch::Monarch(int64_t in_features, int64_t out_features, const MonarchOptions& options, Rng rng)
    : StructuredLinear("monarch", in_features, out_features, options.bias, options.dtype, rng),
      blocks_(block_count(options.blocks, std::max(in_features, out_features))),
      in_block_(ceil_divide(in_features, blocks_)),
      middle_block_(std::min(in_block_, ceil_divide(out_features, blocks_))),
      out_block_(ceil_divide(out_features, blocks_)),
      regroup_(transposed_index(middle_block_, blocks_, blocks_ * middle_block_)),
      interleave_(transposed_index(blocks_, out_block_, out_features)) {
  check(is_real(dtype_), "monarch: dtype ", dtype_, "; expected f32 or f64");
  const auto block_matrices = [&](const char* name, int64_t rows, int64_t columns) {
    const double deviation = 1 / std::sqrt(static_cast<double>(columns));
    return Parameter(scale(randn({blocks_, rows, columns}, rng.split(name), dtype_), deviation),
                     {.weight_decay = false, .structured = true, .rows_axis = 1});
  };
  first_ = block_matrices("first", middle_block_, in_block_);
  second_ = block_matrices("second", out_block_, middle_block_);
}

Tensor Monarch::multiply(const Tensor& x) {
  const int64_t rows = x.shape().leading().numel(), padding = blocks_ * in_block_ - in_features_;
  Tensor y = reshape(x, {rows, in_features_});
  if (padding > 0) y = pad(y, 1, 0, padding);
  y = gather(multiply_blocks(y, first_), regroup_);
  y = gather(multiply_blocks(y, second_), interleave_);
  return reshape(y, x.shape().with(-1, out_features_));
}

int64_t Monarch::flops_per_row() const {
  return 2 * blocks_ * middle_block_ * (in_block_ + out_block_);
}

Config Monarch::config() const {
  Config config = base_config();
  config["blocks"] = blocks_;
  return config;
}

}  // namespace papilio
