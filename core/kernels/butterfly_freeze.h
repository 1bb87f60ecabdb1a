// The inference form of a twiddle: see PackedTwiddle::frozen(). Internal to the kernels.
#pragma once

#include <vector>

#include "papilio/core/kernels/butterfly.h"

namespace papilio::kernels {

template <class T>
struct FrozenTwiddle {
  bool exists;             ///< false: the general form has to do
  std::vector<T> factors;  ///< [nstacks, nblocks, log2 n, n/2, 2]: the b and c of [[1, b], [c, 1]]
  std::vector<T> scales;   ///< [nstacks, n]: the diagonal after the last factor
};

/// A factorisation is unique up to diagonal scalings between its factors (Zheng, Riccietti and
/// Gribonval, "Efficient identification of butterfly sparse matrix factorizations"): with S the
/// scaling of the inputs, [[a, b], [c, d]] S = diag(a S_p, d S_q) [[1, b S_q / (a S_p)], [c S_p /
/// (d S_q), 1]], and the first diagonal is the scaling of the next factor's inputs. Computed in
/// double precision.
///
/// A diagonal entry too small to divide by is enlarged until what it contributes is 2^-26 (T
/// double: 2^-55) of what its neighbour does, below what rounding in T does to their sum. Bounds of
/// the numbers between the factors, for inputs of the same size, tell how much that is.
template <class T>
FrozenTwiddle<T> freeze_twiddle(const ButterflyShape& shape, const T* twiddle);

}  // namespace papilio::kernels
