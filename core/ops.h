// Every differentiable op, one declaration each; core/ops/*.cc hold forward and backward together.
// Long because it is the one list of ops.
//
// Unless said otherwise an op takes f32, f64, c64 and c128, all inputs of one dtype (mixing is an
// Error), returns a new tensor of that dtype and never writes its inputs. Complex gradients are
// dL/dRe + i dL/dIm (PyTorch's convention). A shape that does not fit is an Error with the op, the
// shapes, the rule and the remedy.
#pragma once

#include <complex>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "papilio/core/random.h"
#include "papilio/core/tape.h"
#include "papilio/core/tensor.h"

namespace papilio {

/// What an op applies to its result in the same pass over memory; relu is for real results only.
enum class Activation : uint8_t { none, relu };

// ---- element by element. `b` has the shape of `a`, or the trailing axes of it and is repeated
// over the leading ones.

Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
/// factor * x
Tensor scale(const Tensor& x, double factor);
inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator*(double factor, const Tensor& x) { return scale(x, factor); }

/// max(x, 0); real. NaN stays NaN.
Tensor relu(const Tensor& x);
/// 1 / (1 + exp(-x)); real.
Tensor sigmoid(const Tensor& x);
/// Real.
Tensor tanh(const Tensor& x);
/// x Phi(x) with the normal distribution function Phi = (1 + erf(x / sqrt 2)) / 2; real.
Tensor gelu(const Tensor& x);
Tensor exp(const Tensor& x);
/// The natural logarithm; for complex x its principal branch.
Tensor log(const Tensor& x);

// ---- real and complex

/// Parts of a complex tensor, as a real one of the same shape.
Tensor real(const Tensor& z);
Tensor imag(const Tensor& z);
/// re + i im of two real tensors; the one-argument form has im = 0.
Tensor complex(const Tensor& re, const Tensor& im);
Tensor complex(const Tensor& re);
/// |z|^2 = re^2 + im^2 of a complex tensor, real; x^2 of a real one.
Tensor abs2(const Tensor& z);

// ---- reductions; a negative axis counts from the end

/// Over all elements, to a scalar of shape [].
Tensor sum(const Tensor& x);
Tensor mean(const Tensor& x);
/// Over one axis, which disappears.
Tensor sum(const Tensor& x, int64_t axis);
Tensor mean(const Tensor& x, int64_t axis);

// ---- shape

/// The same numbers in row-major order under another shape of equal numel; shares the storage.
Tensor reshape(const Tensor& x, const Shape& shape);
/// Elements begin .. end-1 along `axis`.
Tensor slice(const Tensor& x, int64_t axis, int64_t begin, int64_t end);
Tensor concat(std::span<const Tensor> parts, int64_t axis);
inline Tensor concat(std::initializer_list<Tensor> parts, int64_t axis) {
  return concat(std::span(parts.begin(), parts.size()), axis);
}
/// `before` and `after` zeros along `axis`, both >= 0.
Tensor pad(const Tensor& x, int64_t axis, int64_t before, int64_t after);
/// y[j, i] = x[i, j] of a matrix.
Tensor transpose(const Tensor& x);
/// y[..., j] = x[..., index[j]]; `index` is i64 [m] with entries in [0, last axis of x). Indices
/// may repeat.
Tensor gather(const Tensor& x, const Tensor& index);

// ---- dense algebra

/// a [..., m, k] b [k, n] -> [..., m, n]: b is one matrix, shared by all leading axes of a.
Tensor matmul(const Tensor& a, const Tensor& b);
/// x [..., in] -> x W^T + bias [..., out]; weight [out, in]; bias [out] or undefined.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

// ---- images [batch, height, width, channels], real

struct Conv2dOptions {
  int64_t stride = 1, padding = 0, dilation = 1, groups = 1;  ///< the same in both directions
};
/// weight [out, in/groups, kh, kw], bias [out] or undefined -> [batch, oh, ow, out] with
/// oh = (height + 2 padding - dilation (kh - 1) - 1) / stride + 1, rounded down. groups = in = out
/// is depthwise.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
              const Conv2dOptions& options = {});

/// What conv2d_fused() does in the same pass over memory. What is undefined is left out.
struct Conv2dFusion {
  Tensor bias = {};      ///< [out]
  Tensor residual = {};  ///< of the shape of the result
  Activation activation = Activation::none;
  Tensor order = {};  ///< i64 [in]: x stands for gather(x, order), as after a channel shuffle
};
/// activation(conv2d(x, weight, bias) + residual) for inference: an Error when a tape wants a
/// gradient of one of these; conv2d(), batch_norm() and relu() are recorded. What the kernel makes
/// of the weight is kept with it until it is written.
Tensor conv2d_fused(const Tensor& x, const Tensor& weight, const Conv2dFusion& fused,
                    const Conv2dOptions& options = {});

struct Pool2dOptions {
  int64_t kernel = 2, stride = 2, padding = 0;
};
/// The largest value under each window; padding counts as minus infinity. Needs padding <= kernel
/// / 2.
Tensor max_pool2d(const Tensor& x, const Pool2dOptions& options = {});
/// The mean under each window, padding counted as zeros (PyTorch's count_include_pad).
Tensor avg_pool2d(const Tensor& x, const Pool2dOptions& options = {});
/// [batch, height, width, channels] -> [batch, channels].
Tensor global_avg_pool2d(const Tensor& x);

// ---- normalisation and losses, real

struct BatchStatistics {
  Tensor mean, variance;  ///< [channels]; biased variance (divided by the count)
};
/// Normalises every channel (the last axis of x [..., channels]) over all other axes, then scales
/// and shifts: (x - mean) / sqrt(variance + epsilon) * gamma + beta. Gives the statistics of this
/// batch to `statistics` when not null. Then plus `residual`, of the shape of x, if defined, and
/// the activation. Saves x, and with both of these the result.
Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                  BatchStatistics* statistics = nullptr, Activation activation = Activation::none,
                  const Tensor& residual = {});
/// The same with given statistics, which are constants.
Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                  const BatchStatistics& statistics, Activation activation = Activation::none,
                  const Tensor& residual = {});
/// batch_norm(conv2d(x, weight, {}, options), ...) by the statistics of this batch, in fewer passes
/// over memory: those are summed while the convolution's result is in the cache, and its gradient
/// is made and used in pieces, where the kernels can. Saves that result, and with a residual and an
/// activation its own.
Tensor conv2d_batch_norm(const Tensor& x, const Tensor& weight, const Conv2dOptions& options,
                         const Tensor& gamma, const Tensor& beta, double epsilon,
                         BatchStatistics* statistics = nullptr,
                         Activation activation = Activation::none, const Tensor& residual = {});
/// A batch norm that is part of another op: gamma and beta [channels].
struct BatchNormOf {
  const Tensor &gamma, &beta;
  double epsilon;
  BatchStatistics* statistics = nullptr;  ///< where those of the batch go
};
/// activation(after(conv2d(before(x), weight)) + residual), both norms by the statistics of this
/// batch, of x [batch, height, width, in] and a 1x1 weight [out, in/groups, 1, 1]. What the
/// convolution's result would have for statistics follows from the covariances of x in the groups:
/// all three are one convolution, and so is the gradient of x (formulas in norm_conv_norm.cc). The
/// results between them are never made. That is fastest where in/groups is small beside out/groups.
/// Saves x, and with an activation the result.
Tensor norm_conv_norm(const Tensor& x, const BatchNormOf& before, const Tensor& weight,
                      int64_t groups, const BatchNormOf& after,
                      Activation activation = Activation::none, const Tensor& residual = {});
/// Normalises every row (last axis) of x [..., features], then scales by gamma and shifts by beta
/// [features].
Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon = 1e-5);

/// Over the last axis.
Tensor log_softmax(const Tensor& x);
/// Mean over the batch of -sum_c q_c log softmax(logits)_c; logits [batch, classes], labels i64
/// [batch] in [0, classes); q is 1 - s at the label plus s / classes everywhere, s =
/// label_smoothing in [0, 1).
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing = 0);
/// Mean over all elements of (prediction - target)^2; both get gradients. For complex input of
/// |.|^2, a real scalar.
Tensor mse_loss(const Tensor& prediction, const Tensor& target);

/// Zeroes each element with the given probability in [0, 1) and scales the others by 1 / (1 -
/// probability); which ones is a function of the key alone. Applies whether or not a tape records:
/// the layer Dropout decides.
Tensor dropout(const Tensor& x, double probability, Rng key);

// ---- butterfly matrices (Dao et al. 2019; Dao et al. 2020, Definitions 2.1 to 2.3)

/// Each row of x [..., in] through the butterflies of twiddle (nstacks, nblocks, log2 n, n/2, 2,
/// 2), factor by factor in the order of application: zero-padded or cut to n at the input, the
/// outputs of the stacks put side by side and cut to out_features (0: all). Then plus bias
/// [out_features], if defined, and the activation.
///
/// Saves its input only, and with relu its output. What the kernels need of the twiddle is kept
/// with the twiddle until that is written; without a tape that is its frozen form, where there is
/// one: see kernels::PackedTwiddle.
Tensor butterfly_multiply(const Tensor& x, const Tensor& twiddle, int64_t n,
                          bool increasing_stride = true, int64_t out_features = 0,
                          const Tensor& bias = {}, Activation activation = Activation::none);
/// The same of x [in, batch] to [out_features, batch]: the layout of callers that keep activations
/// so between structured layers. A gradient goes through rows.
Tensor butterfly_multiply_features_major(const Tensor& x, const Tensor& twiddle, int64_t n,
                                         bool increasing_stride = true, int64_t out_features = 0,
                                         const Tensor& bias = {},
                                         Activation activation = Activation::none);
/// Tied twiddles (nstacks, nblocks, n - 1, 2, 2), where the factor of stride s has rows s-1 ..
/// 2s-2, repeated into the untied form for butterfly_multiply. Directions alternate from
/// increasing_stride on.
Tensor tied_twiddle(const Tensor& tied, bool increasing_stride = true);
/// Krylov matrices [rank, steps, n] of vectors v [rank, n]: entry [i, j] is A^j v_i, for the
/// tridiagonal A of the bands lower [n-1] (A[i+1, i]), diagonal [n] and upper [n-1] (A[i, i+1]); an
/// undefined band is zero. Real. O(rank steps n), and so is its gradient.
Tensor krylov(const Tensor& v, int64_t steps, const Tensor& lower, const Tensor& diagonal,
              const Tensor& upper);
/// Angles (nstacks, nblocks, log2 n, n/2), real, to rotations [[cos, -sin], [sin, cos]] in the
/// untied form.
Tensor rotation_twiddle(const Tensor& angles);

}  // namespace papilio
