// The butterfly multiply and its gradient on raw arrays: the hot loop of the framework, vectorised
// for every SIMD target of simd.h. Conventions of Dao et al. 2019 and 2020 and of the
// `torch_butterfly` package; reference.h has the same two functions as plain loops.
#pragma once

#include <cstdint>

namespace papilio::kernels {

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
};

/// y[batch, out_features] from x[batch, in_features] and twiddle[nstacks, nblocks, log2 n, n/2, 2,
/// 2], all row-major and not overlapping. T is float, double, std::complex<float> or
/// std::complex<double>.
///
/// The result is the same to the last bit for every number of threads; SIMD targets, and batches of
/// another size, may round differently. Throws std::invalid_argument when the shape breaks a rule
/// above.
template <class T>
void butterfly_forward(const ButterflyShape& shape, const T* twiddle, const T* x, T* y);

/// The gradients of a real loss L, given grad_y[batch, out_features] = dL/dy: grad_x as x,
/// grad_twiddle as twiddle. Either may be null; both are overwritten. Complex gradients are dL/dRe
/// + i dL/dIm, as in PyTorch. The forward values are computed anew from x, so nothing needs to be
/// kept from the forward call. The same to the last bit for every number of threads.
template <class T>
void butterfly_backward(const ButterflyShape& shape, const T* twiddle, const T* x, const T* grad_y,
                        T* grad_x, T* grad_twiddle);

}  // namespace papilio::kernels
