// Butterflies that are Fourier transforms up to a bit reversal: the pieces that transforms and
// convolutions are made of. Internal.
#pragma once

#include <complex>
#include <cstdint>
#include <vector>

#include "papilio/layers/butterfly.h"

namespace papilio {

/// sum_k x_k exp(sign 2 pi i j k / n), c128, n a power of two >= 2: with increasing strides
/// (decimation in time) of x[bit_reversal(n)], with decreasing ones y[bit_reversal(n)] is the
/// result.
Butterfly fourier_butterfly(int64_t n, int sign, bool increasing_stride);

/// The Toeplitz matrix with t_d = column[d], t_{-d} = row[d], c128: a decreasing and an increasing
/// block of size toeplitz_size().
Butterfly toeplitz_butterfly(const std::vector<std::complex<double>>& column,
                             const std::vector<std::complex<double>>& row);
/// The power of two at or above out + in - 1, at least 2.
int64_t toeplitz_size(int64_t out, int64_t in);

/// The circulant matrix of that first column, c128; two blocks of size circulant_size().
Butterfly circulant_butterfly(const std::vector<std::complex<double>>& column);
/// n if that is a power of two >= 2, else toeplitz_size(n, n).
int64_t circulant_size(int64_t n);
/// How a first column of n entries is repeated in one of circulant_size(n): entry u is that of
/// index result[u], or 0 where that is -1.
std::vector<int64_t> circulant_embedding(int64_t n);

/// A c128 tensor of one axis.
Tensor vector_of(const std::vector<std::complex<double>>& values);
/// As c128 numbers.
std::vector<std::complex<double>> numbers_of(const Tensor& t);

}  // namespace papilio
