// Twiddles: the sizes, initial values and rearrangements that the butterfly layers share.
#pragma once

#include <array>
#include <complex>
#include <cstdint>
#include <functional>
#include <string_view>

#include "papilio/core/random.h"
#include "papilio/core/tensor.h"

namespace papilio {

/// The power of two at or above `features`, which is 1 to 2^31.
int64_t butterfly_size(int64_t features);
/// log2 of a power of two.
int64_t log2_exact(int64_t n);
/// Flops of one row through one n x n block: 6 a 2 x 2 matrix, 28 when complex.
int64_t block_flops(int64_t n, DType dtype);

/// (nstacks, nblocks, log2 n, n/2, 2, 2), or tied (nstacks, nblocks, n-1, 2, 2).
Shape twiddle_shape(int64_t nstacks, int64_t nblocks, int64_t n, bool tied);

/// One 2 x 2 matrix of a twiddle: it mixes elements p and p + stride.
struct TwiddlePlace {
  int64_t block, factor, pair, stride, p;
  int64_t q() const { return p + stride; }
};
using Matrix2 = std::array<std::complex<double>, 4>;  ///< row-major
/// (1, nblocks, log2 n, n/2, 2, 2) from a function of the place; of a real dtype the real parts.
Tensor make_twiddle(int64_t n, int64_t nblocks, bool increasing_stride, DType dtype,
                    const std::function<Matrix2(const TwiddlePlace&)>& matrix);

/// The twiddle of a new layer. Every 2 x 2 matrix by itself, so that the product keeps the mean
/// square of its input:
///   randn     entries N(0, 1/2); complex with E|z|^2 = 1/2
///   ortho     a rotation or reflection by a uniform angle; complex: uniform (Haar) in U(2)
///   identity  I
/// and complex only, block 0 the unitary discrete Fourier transform or its inverse without its bit
/// reversal, the other blocks I: with increasing strides feed x[bit_reversal(n)], with decreasing
/// ones read y[bit_reversal(n)]:
///   fft, ifft
/// Throws Error that lists the names for another `init`, and when a real dtype is asked for a
/// Fourier transform.
Tensor initial_twiddle(std::string_view init, int64_t nstacks, int64_t nblocks, int64_t n,
                       bool tied, bool increasing_stride, DType dtype, Rng rng);

/// The twiddle of the transposed matrix of every stack, differentiable; its first direction is the
/// opposite of the last one of `twiddle`. Untied (nstacks, nblocks, log2 n, n/2, 2, 2).
Tensor transposed_twiddle(const Tensor& twiddle);
/// A twiddle of the same matrices to rounding (f32: about 3e-7 of the largest output), whose 2 x 2
/// matrices have ones on their diagonals in all factors but the last: the frozen form
/// (kernels::unit_diagonals). Untied, its first direction is `increasing_stride`; unknown to tapes.
/// Undefined when that would leave the range of the dtype.
Tensor unit_diagonal_twiddle(const Tensor& twiddle, bool increasing_stride);
/// A twiddle of exactly the same matrices, scaled by powers of two between the factors so that rows
/// have norms near 1 in all factors but the last: as good to train as a new one. `twiddle` itself
/// when a number would leave the range of the dtype.
Tensor balanced_twiddle(const Tensor& twiddle, bool increasing_stride);
/// The twiddle of M diag(d) for the matrix M of every stack, d folded into the first factor; d real
/// [at most n], of the twiddle's precision, and ones behind it. n > 1. Untied, its first direction
/// is `increasing_stride`; unknown to tapes.
Tensor scaled_columns(const Tensor& twiddle, bool increasing_stride, const Tensor& d);
/// The complex conjugate, differentiable; of a real tensor the tensor itself.
Tensor conjugated(const Tensor& x);

}  // namespace papilio
