// Algebra of butterflies: the butterfly of a product, Kronecker product, transpose, inverse, ...,
// as one layer again, exact to the rounding of one multiplication an entry.
//
// All take layers of one stack (out_features <= n) without bias, tied ones as well, and return a
// new untied layer of trainable twiddles that shares nothing with them. M is the matrix of the
// layer, [out_features, in_features]. A layer that does not fit is an Error.
#pragma once

#include "papilio/layers/butterfly.h"

namespace papilio {

/// diag(d) M and M diag(d): d [out_features] or [in_features], of the layer's dtype, folded into
/// the last or first factor (Dao et al. 2020, Lemma H.1).
Butterfly diagonal_times(const Tensor& d, const Butterfly& layer);
Butterfly times_diagonal(const Butterfly& layer, const Tensor& d);

/// M_left M_right, the right one acting first: their blocks one after the other, with a block of
/// identities between them when both have the same direction there. left.in_features() ==
/// right.out_features(). What right computes behind its out_features is multiplied by 0, and a
/// smaller n is expanded.
Butterfly product(const Butterfly& left, const Butterfly& right);

/// M_left (x) M_right, on features [left, right] row-major. `right` is square of size n, since the
/// padding of its input would stand between those of x; see Kronecker for any sizes. As many blocks
/// as the longer of both, one more when their first directions differ.
Butterfly kronecker(const Butterfly& left, const Butterfly& right);

Butterfly transposed(const Butterfly& layer);
Butterfly conjugated(const Butterfly& layer);

/// M^-1: every 2 x 2 matrix inverted, in reverse order (Dao et al. 2020, Lemma H.6). The layer is
/// square of size n. Throws Error that names the first singular 2 x 2 matrix.
Butterfly inverse(const Butterfly& layer);

/// The butterfly F of the opposite directions with M = P F P, P the bit reversal of size n (Dao et
/// al. 2020, Lemma G.4). The layer is square of size n.
Butterfly flipped(const Butterfly& layer);

/// The same matrix with a larger n, a power of two: identity on what is added.
Butterfly expanded(const Butterfly& layer, int64_t n);
/// The same matrix with a block of identities more, as the first or as the last one.
enum class BlockPosition : uint8_t { first, last };
Butterfly with_identity_block(const Butterfly& layer, BlockPosition position);

/// The same numbers in another dtype; of a complex layer made real, the real parts of the twiddle,
/// which is the same matrix only when all are real.
Butterfly converted(const Butterfly& layer, DType dtype);

}  // namespace papilio
