#include "papilio/layers/butterfly.h"

#include <algorithm>
#include <cmath>

#include "papilio/layers/twiddle.h"

namespace papilio {
namespace {

const ButterflyOptions& checked(const ButterflyOptions& options) {
  check(options.nblocks >= 1, "butterfly: nblocks = ", options.nblocks, "; at least 1 is needed");
  return options;
}

int64_t padded_size(int64_t in_features, const ButterflyOptions& options) {
  const int64_t least = butterfly_size(in_features);
  check(options.n == 0 || (options.n >= least && butterfly_size(options.n) == options.n),
        "butterfly: n = ", options.n, "; a power of two at or above the ", in_features,
        " features in is needed, or 0 for the least one");
  return options.n == 0 ? least : options.n;
}

}  // namespace

Butterfly::Butterfly(int64_t in_features, int64_t out_features, const ButterflyOptions& options,
                     const Tensor& twiddle, Rng rng)
    : StructuredLinear("butterfly", in_features, out_features, options.bias, options.dtype, rng),
      n_(padded_size(in_features, options)),
      nstacks_((out_features - 1) / n_ + 1),
      nblocks_(checked(options).nblocks),
      increasing_stride_(options.increasing_stride),
      tied_(options.tied),
      twiddle_(twiddle.defined()
                   ? twiddle
                   : initial_twiddle(options.init, nstacks_, nblocks_, n_, tied_,
                                     increasing_stride_, options.dtype, rng.split("twiddle")),
               {.weight_decay = false,
                .structured = true,
                .twiddle = tied_                ? TwiddleHint::none
                           : increasing_stride_ ? TwiddleHint::increasing_stride
                                                : TwiddleHint::decreasing_stride,
                .rows_axis = tied_ ? 3 : 4}) {}

Butterfly::Butterfly(int64_t in_features, int64_t out_features, const ButterflyOptions& options,
                     Rng rng)
    : Butterfly(in_features, out_features, options, Tensor(), rng) {}

Butterfly Butterfly::from_twiddle(int64_t in_features, int64_t out_features, const Tensor& twiddle,
                                  bool increasing_stride, bool tied) {
  check(twiddle.rank() == (tied ? 5 : 6), "butterfly: twiddle ", twiddle, " has ", twiddle.rank(),
        " axes; [nstacks, nblocks, log2 n, n/2, 2, 2] is needed, or tied [nstacks, nblocks, n - 1, "
        "2, 2]");
  const int64_t least = butterfly_size(in_features);
  const int64_t n = tied ? twiddle.dim(2) + 1 : std::max<int64_t>(2 * twiddle.dim(3), 1);
  Butterfly layer(in_features, out_features,
                  {.bias = false,
                   .dtype = twiddle.dtype(),
                   .increasing_stride = increasing_stride,
                   .nblocks = twiddle.dim(1),
                   .tied = tied,
                   .n = n >= least && butterfly_size(n) == n ? n : least},
                  twiddle.clone(), Rng(0));
  const Shape expected = twiddle_shape(layer.nstacks_, layer.nblocks_, layer.n_, tied);
  check(twiddle.shape() == expected, "butterfly: twiddle ", twiddle, ", but ", in_features,
        " features in and ", out_features, " out need ", expected);
  return layer;
}

Tensor Butterfly::untied_twiddle() const {
  if (!tied_) return twiddle_;
  return untied_.get({twiddle_}, [&] { return tied_twiddle(twiddle_, increasing_stride_); });
}

std::unique_ptr<StructuredLinear> Butterfly::with_scaled_input(const Tensor& d) const {
  if (n_ == 1) return nullptr;
  return std::make_unique<Butterfly>(
      from_twiddle(in_features_, out_features_,
                   scaled_columns(untied_twiddle(), increasing_stride_, d), increasing_stride_));
}

Tensor Butterfly::apply(const Tensor& x) {
  return butterfly_multiply(x, untied_twiddle(), n_, increasing_stride_, out_features_,
                            bias_or_none(), activation_);
}

Tensor Butterfly::forward_features_major(const Tensor& x) {
  check(x.rank() == 2 && x.dim(0) == in_features_, "butterfly: features-major x is ", x,
        ", the layer takes [", in_features_, ", batch]");
  return butterfly_multiply_features_major(x, untied_twiddle(), n_, increasing_stride_,
                                           out_features_, bias_or_none(), activation_);
}

Tensor Butterfly::multiply(const Tensor& x, const MultiplyOptions& options) {
  Tensor twiddle = untied_twiddle();
  if (options.conjugate) twiddle = conjugated(twiddle);
  if (!options.transpose)
    return butterfly_multiply(x, twiddle, n_, increasing_stride_, out_features_);

  check(x.rank() >= 1 && x.dim(-1) == out_features_, "butterfly: x", x.shape(),
        " can't be multiplied by the transpose, which takes ", out_features_, " features");
  twiddle = transposed_twiddle(twiddle);
  const bool increasing = increasing_stride_ == (nblocks_ % 2 == 0);
  // Every stack takes its own part of x, and their results add up.
  Tensor sum;
  for (int64_t s = 0; s < nstacks_; ++s) {
    const Tensor part =
        nstacks_ == 1 ? x : slice(x, -1, s * n_, std::min((s + 1) * n_, out_features_));
    const Tensor stack = nstacks_ == 1 ? twiddle : slice(twiddle, 0, s, s + 1);
    const Tensor y = butterfly_multiply(part, stack, n_, increasing, in_features_);
    sum = sum.defined() ? add(sum, y) : y;
  }
  return sum;
}

void Butterfly::scale_matrix(double factor) {
  check(factor > 0, "butterfly: scale_matrix(", factor, "); a factor above 0 is needed");
  if (n_ == 1) fail("butterfly: scale_matrix() of a layer with one input, which has no factors");
  const NoTape guard;
  const double each = std::pow(factor, 1.0 / static_cast<double>(nblocks_ * log2_exact(n_)));
  twiddle_.mutable_value().assign(scale(twiddle_, each));
}

int64_t Butterfly::flops_per_row() const { return nstacks_ * nblocks_ * block_flops(n_, dtype_); }

std::string Butterfly::describe() const {
  return described("Butterfly", {nblocks_ > 1 ? concat("nblocks = ", nblocks_) : "",
                                 increasing_stride_ ? "" : "decreasing stride", tied_ ? "tied" : "",
                                 n_ > butterfly_size(in_features_) ? concat("n = ", n_) : ""});
}

Config Butterfly::config() const {
  Config config = base_config();
  config["n"] = n_;
  config["nblocks"] = nblocks_;
  config["increasing_stride"] = increasing_stride_;
  config["tied"] = tied_;
  return config;
}

}  // namespace papilio
