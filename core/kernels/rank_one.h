// Best rank-one approximations of dense blocks, and what is left of a matrix behind them: the inner
// loops of the hierarchical factorisation. In double precision, on one thread.
#pragma once

#include <cstdint>

namespace papilio::kernels {

/// A matrix with its real and imaginary parts in planes of their own. Rows stand `pitch` apart,
/// which is a multiple of kPlanarPitch; there are a multiple of kPlanarRows of them. What lies
/// outside of the matrix is zero. `im` is null for a real matrix.
struct PlanarBlock {
  int64_t rows, pitch;
  const double *re, *im;
};
constexpr int64_t kPlanarPitch = 8, kPlanarRows = 4;

/// Squares of Frobenius norms: of the block, and of its approximation.
struct Energy {
  double whole, kept;
};

/// M ~ u v (no conjugate) with u [rows] and v [pitch]: real parts, then imaginary ones if M has
/// any, at u + rows and v + pitch. By power iteration that begins at the longest row and ends when
/// half a step adds less than 1e-15 of the energy, or after 200 steps; one step when M has rank
/// one. |u| = |v|. Zero when the energy is below 1e-140. `work` has room for 2 pitch numbers.
Energy rank_one(const PlanarBlock& m, double* u, double* v, double* work);

/// Sum over j of |a_j - sum over k of x_k y[k][j]|^2, j < count, k < rank; x [rank], y rows `pitch`
/// apart. All in planes; the im are null when real.
double residual(int64_t count, int64_t rank, int64_t pitch, const double* a_re, const double* a_im,
                const double* x_re, const double* x_im, const double* y_re, const double* y_im);

/// Real and imaginary parts of `count` complex numbers, times `scale`.
void to_planes(int64_t count, const double* numbers, double scale, double* re, double* im);
/// Sum of the squares.
double squares(int64_t count, const double* x);
/// The largest absolute value; NaN when one of the numbers is not finite.
double largest_finite(int64_t count, const double* x);

}  // namespace papilio::kernels
