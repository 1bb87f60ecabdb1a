// Fast transforms as layers: exact, and trainable like any other. Each is a Product of butterflies
// and permutations, with every scaling and phase folded into the butterflies; a real transform is
// the real part of a complex one where that is shorter.
//
// Formulas have j for outputs and k for inputs, both from 0. All sizes n >= 1 are possible unless
// said otherwise: for n a power of two one butterfly block of size n does a Fourier transform, for
// any other n two blocks of the power of two at or above 2n - 1 do (Bluestein 1970). Values are
// made in double precision. No layer has a bias. A size that a transform does not have, or a real
// dtype for a complex one, is an Error.
#pragma once

#include <cstdint>
#include <vector>

#include "papilio/layers/butterfly.h"
#include "papilio/layers/kronecker.h"
#include "papilio/layers/product.h"

namespace papilio {

/// Where the factor 1/N stands: N = n for Fourier, Hartley and Hadamard transforms, 2n for cosine
/// and sine transforms.
enum class Norm : uint8_t {
  backward,  ///< in the inverse: the forward transform is the plain sum
  ortho,     ///< half in each, so that the matrix is orthogonal or unitary
  forward,   ///< in the forward transform
};

struct TransformOptions {
  Norm norm = Norm::backward;
  /// Of input and output. Fourier transforms take the complex type of that precision.
  DType dtype = DType::f32;
};

/// sum_k x_k exp(-2 pi i j k / n).
Product fft(int64_t n, const TransformOptions& options = {});
/// 1/n sum_k x_k exp(+2 pi i j k / n), the inverse of fft() of the same options.
Product ifft(int64_t n, const TransformOptions& options = {});

/// Discrete cosine transforms as SciPy defines them; real.
///   2  2 sum_k x_k cos(pi j (2k+1) / 2n)
///   3  x_0 + 2 sum_{k>=1} x_k cos(pi k (2j+1) / 2n)
///   4  2 sum_k x_k cos(pi (2j+1) (2k+1) / 4n)
/// Ortho: over sqrt(2n), and over a further sqrt 2 in row 0 of type 2; type 3 is its transpose.
Product dct(int type, int64_t n, const TransformOptions& options = {});
/// Discrete sine transforms as SciPy defines them; real.
///   2  2 sum_k x_k sin(pi (j+1) (2k+1) / 2n)
///   3  (-1)^j x_{n-1} + 2 sum_{k<n-1} x_k sin(pi (k+1) (2j+1) / 2n)
///   4  2 sum_k x_k sin(pi (2j+1) (2k+1) / 4n)
/// Ortho: over sqrt(2n), and over a further sqrt 2 in row n-1 of type 2; type 3 is its transpose.
/// (SciPy scales row 0 instead, which is not orthogonal.)
Product dst(int type, int64_t n, const TransformOptions& options = {});

/// sum_k x_k (cos + sin)(2 pi j k / n); real. Forward is its inverse.
Product hartley(int64_t n, const TransformOptions& options = {});
/// sum_k (-1)^popcount(j and k) x_k, Sylvester's order; any dtype, n a power of two >= 2. The
/// factors are the same in any order of strides.
Butterfly hadamard(int64_t n, const TransformOptions& options = {}, bool increasing_stride = true);
/// The orthonormal Haar wavelet transform over all levels, [mean, coarsest detail, ..., finest
/// details]: a pair (a, b) gives (a + b) / sqrt 2 and the detail (a - b) / sqrt 2. Any dtype, n a
/// power of two >= 2.
Product haar(int64_t n, DType dtype = DType::f32);

/// Two-dimensional Fourier transforms of images [height, width], row-major in the last axis.
Kronecker fft2d(int64_t height, int64_t width, const TransformOptions& options = {});
Kronecker ifft2d(int64_t height, int64_t width, const TransformOptions& options = {});

/// S H G P H B (Le et al. 2013): b, g and s are the diagonals [n], P the permutation x[v], H the
/// Hadamard transform with that norm. Dtype and size are those of the diagonals.
Product fastfood(const Tensor& s, const Tensor& g, const std::vector<int64_t>& v, const Tensor& b,
                 Norm norm = Norm::backward);

/// Which transform acts first: D2 C^-1 D1 C or D2 C D1 C^-1, with C the orthonormal DCT of type 2.
enum class AcdcOrder : uint8_t { dct_first, inverse_first };
/// ACDC (Moczulski et al. 2016): a learned diagonal [n] on either side of a cosine transform; real.
Product acdc(const Tensor& d2, const Tensor& d1, AcdcOrder order = AcdcOrder::inverse_first);

}  // namespace papilio
