// Factorisations of symmetric matrices in double precision, by LAPACK, on one thread.
#pragma once

#include <cstdint>

namespace papilio::kernels {

/// a [n, n], symmetric, becomes its eigenvectors, one a row, and `values` [n] gets the eigenvalues
/// in ascending order. Throws papilio::Error when an entry is not finite.
void symmetric_eigen(int64_t n, double* a, double* values);

/// a [n, n], symmetric, becomes the lower triangular L with a = L L^T, with zeros above the
/// diagonal. False when a is not positive definite; a is then undefined.
bool cholesky(int64_t n, double* a);

}  // namespace papilio::kernels
