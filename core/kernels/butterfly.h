// The butterfly multiply and its gradient on raw arrays: the hot loop of the framework, vectorised
// for every SIMD target of simd.h. Conventions of Dao et al. 2019 and 2020 and of the
// `torch_butterfly` package; reference.h has the same two functions as plain loops.
#pragma once

#include <cstdint>
#include <optional>

#include "papilio/core/memory.h"

namespace papilio::kernels {

/// How x and y stand in memory: rows are [batch, features]; features_major is [features, batch].
enum class Layout : uint8_t { rows, features_major };

/// One butterfly multiply: rows of x through `nstacks` independent n x n butterflies, whose outputs
/// stand side by side in y.
///
/// A stack is a product of `nblocks` blocks of log2(n) factors. Factor k of block b mixes the
/// elements p and p + stride of a row by the 2 x 2 matrices twiddle[stack][b][k][i]; i = 0 ... n/2
/// - 1 numbers the pairs in the order of p. The stride is 2^k in an increasing block and n /
/// 2^(k+1) in a decreasing one; directions alternate from block to block, beginning with
/// `increasing_stride`.
struct ButterflyShape {
  int64_t batch;
  int64_t in_features;  ///< row length of x; shorter than n is padded with zeros, longer is cut
  int64_t n;            ///< a power of two, >= 1; 1 is the identity
  int64_t nstacks = 1;
  int64_t nblocks = 1;
  bool increasing_stride = true;
  int64_t out_features;  ///< row length of y, at most nstacks * n: the first columns are kept
  Layout layout = Layout::rows;
};

/// A twiddle in the form that the kernels of one SIMD target read. Made once for many calls.
template <class T>
class PackedTwiddle {
 public:
  /// Of twiddle[nstacks, nblocks, log2 n, n/2, 2, 2]; batch and features of `shape` don't matter.
  PackedTwiddle(const ButterflyShape& shape, const T* twiddle);
  /// The inference form: by diagonal scalings between the factors every 2 x 2 matrix becomes [[1,
  /// b], [c, 1]], and one diagonal follows the last factor. That is half of the multiplications and
  /// of the numbers, nstacks (nblocks n log2 n + n), for results that agree to rounding. None when
  /// a scaling would leave the range of T: use the general form.
  static std::optional<PackedTwiddle> frozen(const ButterflyShape& shape, const T* twiddle);

  bool is_frozen() const { return frozen_; }
  int64_t bytes() const { return static_cast<int64_t>(data_.bytes()); }

 private:
  PackedTwiddle(const ButterflyShape& shape, bool frozen, const T* factors, const T* scales);
  template <class>
  friend class ButterflyCall;

  ButterflyShape shape_;
  const char* target_;  // SIMD target
  bool frozen_;
  int64_t factor_pitch_, stack_pitch_;  // in numbers
  Buffer data_;
};

/// What becomes of y at last, in the same pass over memory: y = act(y + bias).
template <class T>
struct ButterflyEnd {
  const T* bias = nullptr;  ///< [out_features]
  bool relu = false;        ///< max(y, 0), NaN stays NaN; real T only
};

/// y[batch, out_features] from x[batch, in_features], all row-major and not overlapping, or
/// features-major as shape.layout says. T is float, double, std::complex<float> or
/// std::complex<double>.
///
/// The result is the same to the last bit for every number of threads; SIMD targets, and batches of
/// another size, may round differently. Throws std::invalid_argument when the shape breaks a rule
/// above, or the twiddle was packed for another shape or SIMD target.
template <class T>
void butterfly_forward(const ButterflyShape& shape, const PackedTwiddle<T>& twiddle, const T* x,
                       T* y, const ButterflyEnd<T>& end = {});
/// The same with twiddle[nstacks, nblocks, log2 n, n/2, 2, 2].
template <class T>
void butterfly_forward(const ButterflyShape& shape, const T* twiddle, const T* x, T* y,
                       const ButterflyEnd<T>& end = {});

/// Gradients of a real loss L, each overwritten, or null if unwanted.
template <class T>
struct ButterflyGradients {
  T* x = nullptr;        ///< as x
  T* twiddle = nullptr;  ///< [nstacks, nblocks, log2 n, n/2, 2, 2]
  T* bias = nullptr;     ///< [out_features]
};

/// The gradients given grad_y[batch, out_features] = dL/dy. Complex gradients are dL/dRe + i dL/dIm,
/// as in PyTorch. The forward values are computed anew from x, so nothing needs to be kept from the
/// forward call but, after relu, y itself: `relu_y` is null without. The same to the last bit for
/// every number of threads. The layout is rows, the twiddle not frozen.
template <class T>
void butterfly_backward(const ButterflyShape& shape, const PackedTwiddle<T>& twiddle, const T* x,
                        const T* relu_y, const T* grad_y, const ButterflyGradients<T>& gradients);
/// The same with twiddle[nstacks, nblocks, log2 n, n/2, 2, 2], without relu and bias.
template <class T>
void butterfly_backward(const ButterflyShape& shape, const T* twiddle, const T* x, const T* grad_y,
                        T* grad_x, T* grad_twiddle);

}  // namespace papilio::kernels
