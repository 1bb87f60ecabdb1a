#include <cblas.h>

#include <algorithm>
#include <complex>

#include "papilio/apps/bench/dense_ways.h"
#include "papilio/core/dtype.h"
#include "papilio/core/threads.h"

namespace papilio::bench {
namespace {

CBLAS_TRANSPOSE blas(kernels::Op op) { return op == kernels::Op::none ? CblasNoTrans : CblasTrans; }

template <class T>
void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, blasint m, blasint n, blasint k, const T* a,
          blasint lda, const T* b, blasint ldb, T* c, blasint ldc) {
  const T one(1), zero(0);
  if constexpr (std::is_same_v<T, float>)
    cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, one, a, lda, b, ldb, zero, c, ldc);
  else if constexpr (std::is_same_v<T, double>)
    cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, one, a, lda, b, ldb, zero, c, ldc);
  else if constexpr (std::is_same_v<T, std::complex<float>>)
    cblas_cgemm(CblasRowMajor, ta, tb, m, n, k, &one, a, lda, b, ldb, &zero, c, ldc);
  else
    cblas_zgemm(CblasRowMajor, ta, tb, m, n, k, &one, a, lda, b, ldb, &zero, c, ldc);
}

template <class T>
void gemv(CBLAS_TRANSPOSE op, blasint rows, blasint columns, const T* matrix, blasint ld,
          const T* x, T* y) {
  const T one(1), zero(0);
  if constexpr (std::is_same_v<T, float>)
    cblas_sgemv(CblasRowMajor, op, rows, columns, one, matrix, ld, x, 1, zero, y, 1);
  else if constexpr (std::is_same_v<T, double>)
    cblas_dgemv(CblasRowMajor, op, rows, columns, one, matrix, ld, x, 1, zero, y, 1);
  else if constexpr (std::is_same_v<T, std::complex<float>>)
    cblas_cgemv(CblasRowMajor, op, rows, columns, &one, matrix, ld, x, 1, &zero, y, 1);
  else
    cblas_zgemv(CblasRowMajor, op, rows, columns, &one, matrix, ld, x, 1, &zero, y, 1);
}

/// Rows or columns of at least this many multiply-adds together are worth a thread. OpenBLAS itself
/// has one: a second pool of threads would fight with OpenMP's.
int64_t grain(int64_t multiply_adds) { return std::max<int64_t>(1, (1 << 20) / multiply_adds); }

/// Cuts the longer side of c.
template <class T>
void gemm(const Product<T>& p) {
  const auto& s = p.shape;
  const bool ta = s.op_a != kernels::Op::none, tb = s.op_b != kernels::Op::none;
  const int64_t lda = ta ? s.m : s.k, ldb = tb ? s.k : s.n;
  const bool by_rows = s.m >= s.n;
  const auto part = [&](int64_t begin, int64_t end) {
    const int64_t size = end - begin;
    if (by_rows)
      gemm<T>(blas(s.op_a), blas(s.op_b), size, s.n, s.k, p.a + begin * (ta ? 1 : lda), lda, p.b,
              ldb, p.c + begin * s.n, s.n);
    else
      gemm<T>(blas(s.op_a), blas(s.op_b), s.m, size, s.k, p.a, lda, p.b + begin * (tb ? ldb : 1),
              ldb, p.c + begin, s.n);
  };
  parallel_for(std::max(s.m, s.n), part, grain(std::min(s.m, s.n) * s.k));
}

/// m = 1: c = b^T a, with b as it stands.
template <class T>
void gemv(const Product<T>& p) {
  const auto& s = p.shape;
  const bool rows = s.op_b != kernels::Op::none;  // b is [n, k], and cut along its rows
  const auto part = [&](int64_t begin, int64_t end) {
    const int64_t size = end - begin;
    if (rows)
      gemv<T>(CblasNoTrans, size, s.k, p.b + begin * s.k, s.k, p.a, p.c + begin);
    else
      gemv<T>(CblasTrans, s.k, size, p.b + begin, s.n, p.a, p.c + begin);
  };
  parallel_for(s.n, part, grain(s.k));
}

}  // namespace

template <class T>
void add_openblas(const Product<T>& product, int group, std::vector<Candidate>& ways) {
  ways.push_back({"openblas gemm", [product] { gemm(product); }, group});
  if (product.shape.m == 1) ways.push_back({"openblas gemv", [product] { gemv(product); }, group});
}

template void add_openblas(const Product<float>&, int, std::vector<Candidate>&);
template void add_openblas(const Product<double>&, int, std::vector<Candidate>&);
template void add_openblas(const Product<std::complex<float>>&, int, std::vector<Candidate>&);
template void add_openblas(const Product<std::complex<double>>&, int, std::vector<Candidate>&);

}  // namespace papilio::bench
