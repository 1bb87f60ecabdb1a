// Weights of the published PyTorch code, old and new, to the twiddles of this library. "Old" is the
// package `butterfly` of the two papers' experiments, "new" is `torch_butterfly`.
//
// Complex numbers come as a last axis of 2, real and imaginary part, as safetensors files hold
// them, or as complex tensors. The results are for Butterfly::from_twiddle() or, name by name, for
// a layer's parameters. Each throws Error when the shape is not the one that it takes. Old layers
// with more than one stack add up the outputs that exceed the power of two above out_features, new
// ones and ours put them side by side: import those stack by stack.
#pragma once

#include <cstdint>

#include "papilio/core/tensor.h"

namespace papilio {

/// New (nstacks, nblocks, log2 n, n/2, 2, 2): the layout of Butterfly; only complex numbers are put
/// together.
Tensor import_twiddle(const Tensor& twiddle);
/// Old, untied (nstacks, log2 n, n/2, 2, 2), stored by stride.
Tensor import_old_twiddle(const Tensor& twiddle, bool increasing_stride);
/// Old, tied (nstacks, n-1, 2, 2), to the tied (nstacks, 1, n-1, 2, 2).
Tensor import_old_tied_twiddle(const Tensor& twiddle);
/// Old, fast (nstacks, log2 n, 2, n), real, in order of application: row 0 multiplies the element
/// itself, row 1 its partner.
Tensor import_old_fast_twiddle(const Tensor& twiddle, bool increasing_stride);
/// Old (BB^T)^w, untied (nstacks, 2 w log2 n, n/2, 2, 2), to nblocks = 2w with decreasing strides
/// first: also a KMatrix's.
Tensor import_old_bbt_twiddle(const Tensor& twiddle, int64_t width);
/// The same from the fast layout (nstacks, 2 w log2 n, 2, n).
Tensor import_old_fast_bbt_twiddle(const Tensor& twiddle, int64_t width);
/// Old "odo" angles (nstacks, 2 w log2 n, n/2), to the angles of an orthogonal KMatrix. Its
/// diagonal is the old one, (nstacks, w, n).
Tensor import_old_odo_angles(const Tensor& angles, int64_t width);

}  // namespace papilio
