// Matrices for the tests of closed forms, and how far they are from one another.
#pragma once

#include <cmath>
#include <complex>
#include <vector>

#include "papilio/core/ops.h"
#include "papilio/layers/butterfly.h"
#include "papilio/layers/twiddle.h"

namespace papilio {

/// Column v[j] is column j of `matrix`: what multiplies by it after y = x[v].
inline Tensor behind_permutation(const Tensor& matrix, const std::vector<int64_t>& v) {
  std::vector<int64_t> inverse(v.size());
  for (size_t j = 0; j < v.size(); ++j)
    inverse[static_cast<size_t>(v[j])] = static_cast<int64_t>(j);
  return gather(matrix, Tensor::from(inverse, {static_cast<int64_t>(v.size())}));
}

/// A random butterfly, dense.
inline Tensor random_butterfly(int64_t n, DType dtype, bool increasing_stride = true,
                               uint64_t seed = 1, const char* init = "ortho") {
  const Tensor twiddle = initial_twiddle(init, 1, 1, n, false, increasing_stride, dtype, Rng(seed));
  return Butterfly::from_twiddle(n, n, twiddle, increasing_stride).to_dense();
}

inline double frobenius(const Tensor& x) {
  const Tensor squares = sum(abs2(x.to(is_complex(x.dtype()) ? DType::c128 : DType::f64)));
  return std::sqrt(squares.item());
}
/// ||a - b|| / ||b||
inline double relative_distance(const Tensor& a, const Tensor& b) {
  return frobenius(sub(a, b)) / frobenius(b);
}

}  // namespace papilio
