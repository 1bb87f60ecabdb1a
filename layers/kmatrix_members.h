// Membership in the kaleidoscope hierarchy, constructively: matrices of known structure as
// K-matrices of the width and expansion that the theorems of Dao et al. 2020 ("Kaleidoscope") give,
// exact to rounding, and trainable like any other. A KMatrix of width w and expansion e is in
// (BB*)^w_e. No layer has a bias. Products, sums and Kronecker products are in kmatrix_algebra.h.
#pragma once

#include "papilio/layers/kmatrix.h"

namespace papilio {

/// A matrix [out, in] with s numbers that are not 0. With N the power of two at or above both
/// sizes: s <= N gives width 4 (Lemma I.1), a product of permutations and step matrices; more give
/// width 4 ceil(s / N) and the fourfold size (Theorem 3).
KMatrix sparse_as_kmatrix(const Tensor& matrix);

/// left right^T of left [out, r] and right [in, r]: width 8 for r = 1, else width 8 r and the
/// fourfold size (Corollary I.4).
KMatrix low_rank_as_kmatrix(const Tensor& left, const Tensor& right);

/// I - 2 u u* / |u|^2 of u [n], not 0: width 1, for real u the orthogonal form. Its rotations turn
/// u into the first unit vector, so that the diagonal is (-1, 1, 1, ...).
KMatrix householder_as_kmatrix(const Tensor& u);

}  // namespace papilio
