// Target matrices: the transforms of the learning experiment (Dao et al. 2019, section 4.1), dense
// and from their definitions.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "papilio/core/random.h"

namespace papilio {

/// The n x n matrix M of y = M x by name: f64, c128 for dft and idft. j is the row, k the column,
/// both from 0; unless said otherwise a matrix is as the reference experiments scale it, about
/// orthonormal.
///
///   dft, idft      exp(-+2 pi i j k / n) / sqrt n
///   dct2 (or dct)  2 cos(pi j (2k+1) / 2n) / sqrt n: SciPy's unnormalised type 2 over sqrt n. Not
///                  orthonormal: the mean square of an entry is above 2/n
///   dct3           (1 at k = 0, else 2 cos(pi k (2j+1) / 2n)) / sqrt n
///   dct4           2 cos(pi (2j+1) (2k+1) / 4n) / sqrt n
///   dst2 (or dst)  2 sin(pi (j+1) (2k+1) / 2n) / sqrt n
///   dst3           ((-1)^j at k = n-1, else 2 sin(pi (k+1) (2j+1) / 2n)) / sqrt n
///   dst4           2 sin(pi (2j+1) (2k+1) / 4n) / sqrt n
///   hadamard       (-1)^popcount(j and k) / sqrt n, Sylvester's order; n a power of two
///   hartley        (cos + sin)(2 pi j k / n) / sqrt n
///   convolution    circulant: c[(j - k) mod n] / sqrt n, c standard normal
///   legendre       P_j(x_k) / sqrt n, P_j the Legendre polynomial of degree j, x the n inner ones
///                  of n+2 equally spaced points from -1 to 1
///   hilbert        1 / (j + k + 1) over the spectral norm
///   haar           the orthonormal Haar wavelet transform: first the mean, then the details from
///                  the coarsest level to the finest; n a power of two
///   toeplitz       t[j - k] / sqrt n, all 2n-1 of them standard normal
///   vandermonde    x_j^k / sqrt n, x as for legendre
///   randn          independent, standard normal / sqrt n
///   permutation    1 at k = v[j], a uniformly random permutation v
///
/// Random numbers are functions of rng.split(name): the c of convolution its numbers normal(0 ..
/// n-1), t[-(n-1) .. n-1] normal(0 .. 2n-2), randn normal(j n + k), v its permutation(n). Throws
/// Error that lists the names for another one, and for a size that the transform does not have.
Tensor target_matrix(std::string_view name, int64_t n, Rng rng = Rng(0));

/// The names, in the order above, without the two in brackets.
std::vector<std::string_view> target_names();

}  // namespace papilio
