// How far a butterfly matrix is from a dense one, and the gradient by its twiddle: the hot loop of
// learning a transform.
#pragma once

#include <complex>
#include <cstdint>
#include <vector>

namespace papilio::kernels {

/// sum |B - target|^2 over all entries, for the matrix B of one complex butterfly of increasing
/// strides.
///
/// Multiplying the identity by all log2 n factors takes n^2 log2 n steps. But an entry of B is one
/// entry of the product of its later factors times one entry of the product of the earlier ones
/// (Zheng, Riccietti and Gribonval, "Efficient identification of butterfly sparse matrix
/// factorizations", 2021), and each of the two products has n sqrt(n) entries: so B, its difference
/// from the target and both gradients take n^2 steps, in one pass over the target.
///
/// T is float or double. One object serves one thread at a time.
template <class T>
class ButterflyMisfit {
 public:
  /// target[n, n], row-major; n >= 2 a power of two. With `real_part` the matrix is Re B instead,
  /// and the imaginary part of the target is not looked at. Throws std::invalid_argument for
  /// another n.
  ButterflyMisfit(int64_t n, const std::complex<T>* target, bool real_part);

  /// twiddle[log2 n, n/2, 2, 2] as in butterfly.h; the gradient, of the same shape, is overwritten,
  /// dL/dRe + i dL/dIm.
  double operator()(const std::complex<T>* twiddle, std::complex<T>* gradient);

  /// `count` products of the factors of one half, [size, size] each; a product is built from the
  /// first factor on, and [count, size, 2^k] are the columns that are known after k of them.
  struct Half {
    int64_t count, levels;
    int64_t first_level, butterfly_step, pair_step;  // where their twiddles stand
    std::vector<std::vector<T>> re, im;              // after each number of factors

    int64_t size() const { return int64_t{1} << levels; }
  };
  /// All of it, for the loops that are compiled for each SIMD target.
  struct State {
    State(int64_t size, const std::complex<T>* target, bool real);

    int64_t n, levels, low;  ///< the earlier half has `low` of the levels
    bool real_part;
    std::vector<T> target_re, target_im;
    Half early, late, grad_early, grad_late;
    std::vector<T> rows_re, rows_im, grad_rows_re, grad_rows_im;  ///< `early` in order of use
  };

 private:
  State state_;
};

}  // namespace papilio::kernels
