// Dense matrix products on raw arrays: one front for oneDNN, OpenBLAS and loops of our own.
#pragma once

#include <cstdint>

namespace papilio::kernels {

/// How an operand stands in the product. Of real numbers, conjugate is none and adjoint is
/// transpose.
enum class Op : uint8_t { none, transpose, conjugate, adjoint };

/// c[m, n] = op_a(a)[m, k] op_b(b)[k, n], all row-major.
struct GemmShape {
  int64_t m, n, k;
  Op op_a = Op::none, op_b = Op::none;
  int64_t lda = 0, ldb = 0,
          ldc = 0;          ///< row lengths of a, b, c as they stand in memory; 0 means dense
  bool accumulate = false;  ///< adds to c rather than overwriting it
};

/// With `bias` [n] not null, adds it to every row; accumulate is then false. The arrays don't
/// overlap. T is float, double, std::complex<float> or std::complex<double>.
///
/// Which library or loop runs is a function of shape, dtype and thread count alone, so the same
/// thread count gives the same bits. Throws papilio::Error when a size reaches 2^31.
template <class T>
void gemm(const GemmShape& shape, const T* a, const T* b, T* c, const T* bias = nullptr);

/// sums[j] = sum over i of a[i, j]; a [rows, columns]. The same bits for every thread count.
template <class T>
void column_sums(int64_t rows, int64_t columns, const T* a, T* sums);

}  // namespace papilio::kernels
