// Algebra of K-matrices: products, sums and Kronecker products as one K-matrix again, of the width
// and expansion that the closure lemmas of Dao et al. 2020 (Appendix H) give.
//
// All take layers of one stack (out_features <= n) without bias, orthogonal ones as well, and
// return a new layer of trainable twiddles that shares nothing with them. A layer that does not fit
// is an Error.
#pragma once

#include <span>

#include "papilio/layers/butterfly.h"
#include "papilio/layers/kmatrix.h"

namespace papilio {

/// The blocks of one as those of the other, identities added where BB* needs them: a butterfly of b
/// blocks has width b/2 when its first block is decreasing, else (b+1)/2, rounded up.
KMatrix as_kmatrix(const Butterfly& layer);
Butterfly as_butterfly(const KMatrix& layer);

/// M_left M_right: the widths add up (Lemma H.2).
KMatrix product(const KMatrix& left, const KMatrix& right);

/// The sum of at least one K-matrix of the same sizes: the widths add up, and n is four times the
/// largest of theirs (Lemma H.5). A quarter keeps x, one computes, one holds the sum.
KMatrix sum(std::span<const KMatrix> members);

/// M_left (x) M_right, on features [left, right] row-major: the larger width when `right` is square
/// of size n, else two more; the expansions multiply. (Lemma H.7 bounds the width by the sum + 6.)
KMatrix kronecker(const KMatrix& left, const KMatrix& right);

}  // namespace papilio
