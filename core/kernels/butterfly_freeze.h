// The inference form of a twiddle, see PackedTwiddle::frozen(), and the same as a twiddle again.
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

/// The same scalings, but ending before the last factor, which takes them in: `result`, as large as
/// `twiddle`, is a twiddle of the same matrix to rounding, with ones on the diagonals of all 2 x 2
/// matrices but those of each stack's last factor. What is not one is as many numbers as a frozen
/// twiddle has. Returns false, and leaves anything in `result`, when that leaves the range of T.
template <class T>
bool unit_diagonals(const ButterflyShape& shape, const T* twiddle, T* result);

/// The way back, for training: a twiddle of exactly the same matrix by scalings with powers of two,
/// so that every row of every 2 x 2 matrix but the last factor's has a norm between 1/sqrt(2) and
/// sqrt(2). Returns false, and leaves anything in `result`, when that leaves the range of T.
template <class T>
bool balance_rows(const ButterflyShape& shape, const T* twiddle, T* result);

}  // namespace papilio::kernels
