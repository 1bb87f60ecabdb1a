// Circular convolutions, circulant and Toeplitz matrices as layers of butterflies: exact, and
// trainable like any other. A Fourier transform, a diagonal, and the inverse transform are one
// butterfly of two blocks; real ones take the real part of it. dtype is that of the tensors.
#pragma once

#include <cstdint>

#include "papilio/layers/product.h"

namespace papilio {

/// y_j = sum_k c[(j - k) mod n] x_k: c [n] is the first column. Any n >= 1; two blocks of size n
/// when that is a power of two, else of the power of two at or above 2n - 1.
Product circulant(const Tensor& column);

/// y_j = sum_k t_{j-k} x_k with t_d = column[d] for d >= 0 and row[-d] for d < 0: column [out], row
/// [in], row[0] is not used. Two blocks of the power of two at or above out + in - 1.
Product toeplitz(const Tensor& column, const Tensor& row);

/// The circular convolution of neural networks, a cross-correlation, on channels-last signals [n,
/// in] row-major in the last axis:
///   y[t, o] = sum_{i, d} weight[o, i, d] x[(t + d - (kernel - 1) / 2) mod n, i]
/// weight [out, in, kernel], kernel odd and <= n, n >= 1.
Product conv1d_circular(const Tensor& weight, int64_t n);

/// The same on channels-last images [height, width, in]; weight [out, in, kh, kw], both odd.
Product conv2d_circular(const Tensor& weight, int64_t height, int64_t width);

}  // namespace papilio
