// What people would run instead: the n x n matrix of a dense layer, by every library at hand.
#pragma once

#include <vector>

#include "papilio/apps/bench/workload.h"

namespace papilio::bench {

/// Programs that together do the dense counterpart of `c` for its whole batch, each in the best of
/// several ways: candidates of one group are ways to do the same, and every group (0, 1, ...) is to
/// be done once.
///
///   forward   y = x W^T, for a K-matrix as well: oneDNN's matmul, inner product and sgemm, with
///             weights as they stand and packed in advance; OpenBLAS's gemm, and gemv for batch 1
///   backward  dX = dY W and dW = dY^T X; for batch 1 that is a product of two vectors
///   step      forward with weights that change each time: packing is part of the time; backward
///
/// Types other than f32 are OpenBLAS's alone. The layout is always rows, which suits the libraries
/// best; where gradients of complex numbers need a conjugate, it is left out, as it costs nothing.
std::vector<Candidate> dense(const Case& c);

}  // namespace papilio::bench
