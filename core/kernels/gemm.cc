// Long because it holds every way to multiply and the choice between them.
#include "papilio/core/kernels/gemm.h"

#include <cblas.h>

#include <algorithm>
#include <complex>
#include <limits>
#include <type_traits>

#include "papilio/core/dtype.h"
#include "papilio/core/kernels/dots.h"
#include "papilio/core/kernels/onednn-inl.h"
#include "papilio/core/threads.h"

namespace papilio::kernels {
namespace {

bool transposes(Op op) { return op == Op::transpose || op == Op::adjoint; }
bool conjugates(Op op) { return op == Op::conjugate || op == Op::adjoint; }

/// The shape with dense row lengths filled in, and without conjugation when T is real.
template <class T>
GemmShape complete(GemmShape s) {
  if constexpr (!is_complex_type<T>) {
    s.op_a = transposes(s.op_a) ? Op::transpose : Op::none;
    s.op_b = transposes(s.op_b) ? Op::transpose : Op::none;
  }
  if (s.lda == 0) s.lda = transposes(s.op_a) ? s.m : s.k;
  if (s.ldb == 0) s.ldb = transposes(s.op_b) ? s.k : s.n;
  if (s.ldc == 0) s.ldc = s.n;
  const int64_t largest = std::max({s.m, s.n, s.k, s.lda, s.ldb, s.ldc});
  check(largest <= std::numeric_limits<int32_t>::max(), "gemm: a size of ", largest,
        " is too large, at most 2^31 - 1 is supported; split the batch");
  return s;
}

// ---------------------------------------------------------------- OpenBLAS

CBLAS_TRANSPOSE blas(Op op) {
  constexpr CBLAS_TRANSPOSE kNames[] = {CblasNoTrans, CblasTrans, CblasConjNoTrans, CblasConjTrans};
  return kNames[static_cast<int>(op)];
}

/// Items of `flops` each that are worth a thread.
int64_t grain(int64_t flops) {
  return std::max<int64_t>(1, (int64_t{1} << 21) / std::max<int64_t>(flops, 1));
}

template <class T>
void blas_gemm_serial(const GemmShape& s, const T* a, const T* b, T* c, bool add) {
  const T alpha(1), beta(add ? 1 : 0);
  const auto ta = blas(s.op_a), tb = blas(s.op_b);
  const auto m = static_cast<blasint>(s.m), n = static_cast<blasint>(s.n),
             k = static_cast<blasint>(s.k);
  const auto lda = static_cast<blasint>(s.lda), ldb = static_cast<blasint>(s.ldb),
             ldc = static_cast<blasint>(s.ldc);
  if constexpr (std::is_same_v<T, float>)
    cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  else if constexpr (std::is_same_v<T, double>)
    cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  else if constexpr (std::is_same_v<T, std::complex<float>>)
    cblas_cgemm(CblasRowMajor, ta, tb, m, n, k, &alpha, a, lda, b, ldb, &beta, c, ldc);
  else
    cblas_zgemm(CblasRowMajor, ta, tb, m, n, k, &alpha, a, lda, b, ldb, &beta, c, ldc);
}

/// In parallel over the rows or the columns of c, whichever are more.
template <class T>
void blas_gemm(const GemmShape& s, const T* a, const T* b, T* c, bool add) {
  const bool by_rows = s.m >= s.n;
  parallel_for(
      by_rows ? s.m : s.n,
      [&](int64_t begin, int64_t end) {
        GemmShape part = s;
        if (by_rows) {
          part.m = end - begin;
          blas_gemm_serial(part, a + begin * (transposes(s.op_a) ? 1 : s.lda), b, c + begin * s.ldc,
                           add);
        } else {
          part.n = end - begin;
          blas_gemm_serial(part, a, b + begin * (transposes(s.op_b) ? s.ldb : 1), c + begin, add);
        }
      },
      grain((by_rows ? s.n : s.m) * s.k * (is_complex_type<T> ? 8 : 2)));
}

template <class T>
void blas_gemv_serial(CBLAS_TRANSPOSE op, int64_t rows, int64_t columns, const T* matrix,
                      int64_t ld, const T* x, int64_t x_step, bool add, T* y, int64_t y_step) {
  const T alpha(1), beta(add ? 1 : 0);
  const auto m = static_cast<blasint>(rows), n = static_cast<blasint>(columns),
             lda = static_cast<blasint>(ld), incx = static_cast<blasint>(x_step),
             incy = static_cast<blasint>(y_step);
  if constexpr (std::is_same_v<T, float>)
    cblas_sgemv(CblasRowMajor, op, m, n, alpha, matrix, lda, x, incx, beta, y, incy);
  else if constexpr (std::is_same_v<T, double>)
    cblas_dgemv(CblasRowMajor, op, m, n, alpha, matrix, lda, x, incx, beta, y, incy);
  else if constexpr (std::is_same_v<T, std::complex<float>>)
    cblas_cgemv(CblasRowMajor, op, m, n, &alpha, matrix, lda, x, incx, &beta, y, incy);
  else
    cblas_zgemv(CblasRowMajor, op, m, n, &alpha, matrix, lda, x, incx, &beta, y, incy);
}

/// y[outputs] (+)= op(matrix) x[k]; op transposes when the matrix stands as [k, outputs].
template <class T>
void blas_gemv(Op op, int64_t outputs, int64_t k, const T* matrix, int64_t ld, const T* x,
               int64_t x_step, bool add, T* y, int64_t y_step) {
  // A matrix of less than 8 MB is read sooner by one thread than a second one is woken up.
  const int64_t least = (int64_t{1} << 22) * 4 / static_cast<int64_t>(sizeof(T)) / 2;
  parallel_for(
      outputs,
      [&](int64_t begin, int64_t end) {
        const int64_t part = end - begin;
        const T* first = matrix + begin * (transposes(op) ? 1 : ld);
        blas_gemv_serial(blas(op), transposes(op) ? k : part, transposes(op) ? part : k, first, ld,
                         x, x_step, add, y + begin * y_step, y_step);
      },
      std::max<int64_t>(1, least / std::max<int64_t>(k, 1)));
}

// ---------------------------------------------------------------- our own

/// k = 1: c[i, j] (+)= a[i] b[j].
template <class T>
void outer_product(const GemmShape& s, const T* a, const T* b, T* c, bool add) {
  const int64_t a_step = transposes(s.op_a) ? 1 : s.lda, b_step = transposes(s.op_b) ? s.ldb : 1;
  parallel_for(
      s.m,
      [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const T factor = conjugates(s.op_a) ? conjugate(a[i * a_step]) : a[i * a_step];
          T* row = c + i * s.ldc;
          const auto fill = [&](auto&& value) {
            if (add)
              for (int64_t j = 0; j < s.n; ++j) row[j] += factor * value(j);
            else
              for (int64_t j = 0; j < s.n; ++j) row[j] = factor * value(j);
          };
          if (conjugates(s.op_b))
            fill([&](int64_t j) { return conjugate(b[j * b_step]); });
          else if (b_step == 1)
            fill([&](int64_t j) { return b[j]; });
          else
            fill([&](int64_t j) { return b[j * b_step]; });
        }
      },
      std::max<int64_t>(1, (int64_t{1} << 19) / s.n));
}

template <class T>
void fill_rows(const GemmShape& s, const T* bias, T* c) {
  for (int64_t i = 0; i < s.m; ++i) {
    if (bias)
      std::copy_n(bias, s.n, c + i * s.ldc);
    else
      std::fill_n(c + i * s.ldc, s.n, T(0));
  }
}

// ---------------------------------------------------------------- oneDNN

struct Product {
  dnnl::matmul primitive;
  dnnl::memory::desc a, b, c, bias, scratchpad;
};

Product make_product(const GemmShape& s, bool bias) {
  using Desc = dnnl::memory::desc;
  const auto f32 = dnnl::memory::data_type::f32;
  const auto matrix = [&](int64_t rows, int64_t columns, int64_t ld, Op op) {
    return transposes(op) ? Desc({rows, columns}, f32, dnnl::memory::dims{1, ld})
                          : Desc({rows, columns}, f32, dnnl::memory::dims{ld, 1});
  };
  Product p;
  p.a = matrix(s.m, s.k, s.lda, s.op_a);
  p.b = matrix(s.k, s.n, s.ldb, s.op_b);
  p.c = matrix(s.m, s.n, s.ldc, Op::none);
  p.bias = bias ? matrix(1, s.n, s.n, Op::none) : Desc();
  dnnl::primitive_attr attr = onednn::user_scratchpad();
  if (s.accumulate) {
    dnnl::post_ops add;
    add.append_sum();
    attr.set_post_ops(add);
  }
  const dnnl::matmul::primitive_desc description({p.a, p.b, p.bias, p.c}, attr, onednn::engine());
  p.primitive = dnnl::matmul(description);
  p.scratchpad = description.scratchpad_desc();
  return p;
}

void onednn_matmul(const GemmShape& s, const float* a, const float* b, float* c,
                   const float* bias) {
  static onednn::Cache<Product, 8> cache;
  const int64_t flags = static_cast<int64_t>(s.op_a) | static_cast<int64_t>(s.op_b) << 2 |
                        int64_t{bias != nullptr} << 4 | int64_t{s.accumulate} << 5;
  const auto product = onednn::translate_errors("gemm", [&] {
    return cache.find_or_make({s.m, s.n, s.k, s.lda, s.ldb, s.ldc, flags, threads()},
                              [&] { return make_product(s, bias); });
  });
  onednn::translate_errors("gemm", [&] {
    if (bias)
      onednn::execute(product->primitive, product->scratchpad,
                      {{DNNL_ARG_SRC, onednn::memory(product->a, a)},
                       {DNNL_ARG_WEIGHTS, onednn::memory(product->b, b)},
                       {DNNL_ARG_BIAS, onednn::memory(product->bias, bias)},
                       {DNNL_ARG_DST, onednn::memory(product->c, c)}});
    else
      onednn::execute(product->primitive, product->scratchpad,
                      {{DNNL_ARG_SRC, onednn::memory(product->a, a)},
                       {DNNL_ARG_WEIGHTS, onednn::memory(product->b, b)},
                       {DNNL_ARG_DST, onednn::memory(product->c, c)}});
  });
}

/// oneDNN's BLAS interface: the product without a bias.
void onednn_sgemm(const GemmShape& s, const float* a, const float* b, float* c) {
  const auto status =
      dnnl_sgemm(transposes(s.op_a) ? 'T' : 'N', transposes(s.op_b) ? 'T' : 'N', s.m, s.n, s.k, 1,
                 a, s.lda, b, s.ldb, s.accumulate ? 1.0f : 0.0f, c, s.ldc);
  check(status == dnnl_success, "gemm: oneDNN: status ", static_cast<int>(status));
}

/// Few rows against many, which the library would repack: it takes 1.1 times as long for 32 rows,
/// twice for 4, and up to 2.7 times for few columns.
bool is_narrow(const GemmShape& s) {
  constexpr int64_t kFewRows = 32, kFewColumns = 16, kShortest = 64;
  return s.op_a == Op::none && s.op_b == Op::transpose && !s.accumulate && s.k >= kShortest &&
         (s.m <= kFewRows || s.n <= kFewColumns);
}

/// A weight gradient dY^T X, for which the BLAS interface is 4 to 10 % faster than a matmul. With
/// more threads it asks the system for memory again and again.
bool is_serial_weight_gradient(const GemmShape& s) {
  return s.op_a == Op::transpose && s.op_b == Op::none && threads() == 1;
}

/// Below this many multiplications what oneDNN does around the product costs more than the product.
constexpr int64_t kSmall = int64_t{1} << 15;

}  // namespace

template <class T>
void gemm(const GemmShape& shape, const T* a, const T* b, T* c, const T* bias) {
  const GemmShape s = complete<T>(shape);
  if (s.m == 0 || s.n == 0) return;
  const auto with_bias = [&] {  // what then adds to c
    if (bias || (s.k == 0 && !s.accumulate)) fill_rows(s, bias, c);
    return bias || s.accumulate;
  };
  if constexpr (std::is_same_v<T, float>) {
    if (is_narrow(s))
      return dots({.m = s.m, .n = s.n, .k = s.k, .lda = s.lda, .ldb = s.ldb, .ldc = s.ldc}, a, b,
                  bias, c);
  }
  if (s.k == 0) {
    with_bias();
  } else if (s.m == 1 && !conjugates(s.op_a)) {
    const Op op = static_cast<Op>(static_cast<int>(s.op_b) ^ static_cast<int>(Op::transpose));
    blas_gemv(op, s.n, s.k, b, s.ldb, a, transposes(s.op_a) ? s.lda : 1, with_bias(), c, 1);
  } else if (s.n == 1 && !conjugates(s.op_b)) {
    blas_gemv(s.op_a, s.m, s.k, a, s.lda, b, transposes(s.op_b) ? 1 : s.ldb, with_bias(), c, s.ldc);
  } else if (s.k == 1) {
    outer_product(s, a, b, c, with_bias());
  } else if constexpr (std::is_same_v<T, float>) {
    if (s.m * s.n * s.k < kSmall)
      blas_gemm(s, a, b, c, with_bias());
    else if (is_serial_weight_gradient(s) && !bias)
      onednn_sgemm(s, a, b, c);
    else
      onednn_matmul(s, a, b, c, bias);
  } else {
    blas_gemm(s, a, b, c, with_bias());
  }
}

template <class T>
void column_sums(int64_t rows, int64_t columns, const T* a, T* sums) {
  constexpr int64_t kChunk = 256;
  const int64_t chunks = std::max<int64_t>(1, (rows + kChunk - 1) / kChunk);
  const Buffer partial(static_cast<size_t>(chunks * columns) * sizeof(T));
  parallel_for(
      chunks,
      [&](int64_t begin, int64_t end) {
        for (int64_t chunk = begin; chunk < end; ++chunk) {
          T* sum = chunks == 1 ? sums : partial.as<T>() + chunk * columns;
          std::fill_n(sum, columns, T(0));
          for (int64_t i = chunk * kChunk; i < std::min(rows, (chunk + 1) * kChunk); ++i)
            for (int64_t j = 0; j < columns; ++j) sum[j] += a[i * columns + j];
        }
      },
      std::max<int64_t>(1, (int64_t{1} << 18) / (kChunk * std::max<int64_t>(columns, 1))));
  if (chunks == 1) return;
  std::copy_n(partial.as<T>(), columns, sums);
  for (int64_t chunk = 1; chunk < chunks; ++chunk)
    for (int64_t j = 0; j < columns; ++j) sums[j] += partial.as<T>()[chunk * columns + j];
}

#define PAPILIO_INSTANTIATE(T)                                            \
  template void gemm(const GemmShape&, const T*, const T*, T*, const T*); \
  template void column_sums(int64_t, int64_t, const T*, T*);
PAPILIO_INSTANTIATE(float)
PAPILIO_INSTANTIATE(double)
PAPILIO_INSTANTIATE(std::complex<float>)
PAPILIO_INSTANTIATE(std::complex<double>)
#undef PAPILIO_INSTANTIATE

}  // namespace papilio::kernels
