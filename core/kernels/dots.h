// Products of a matrix with a transposed one, where one of them has few rows: what gemm() uses for
// small batches and for layers of few outputs. Both are limited by reading the other one, which
// libraries first repack.
#pragma once

#include <cstdint>

namespace papilio::kernels {

/// Sizes, and how far apart the rows of a, b and c stand.
struct DotsShape {
  int64_t m, n, k, lda, ldb, ldc;
};

/// c[i, j] = sum over l of a[i, l] b[j, l], plus bias[j] if that is not null; a [m, k],
/// b [n, k], c [m, n]. The same bits for every thread count.
void dots(const DotsShape& shape, const float* a, const float* b, const float* bias, float* c);

}  // namespace papilio::kernels
