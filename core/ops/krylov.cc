#include <algorithm>

#include "papilio/core/ops.h"

namespace papilio {
namespace {

// A tridiagonal matrix; a null band is zero.
template <class T>
struct Bands {
  const T *lower, *diagonal, *upper;
};

// y = A x
template <class T>
void apply(const Bands<T>& a, int64_t n, const T* x, T* y) {
  if (a.diagonal)
    for (int64_t i = 0; i < n; ++i) y[i] = a.diagonal[i] * x[i];
  else
    std::fill_n(y, n, T(0));
  if (a.lower)
    for (int64_t i = 1; i < n; ++i) y[i] += a.lower[i - 1] * x[i - 1];
  if (a.upper)
    for (int64_t i = 0; i + 1 < n; ++i) y[i] += a.upper[i] * x[i + 1];
}

// y += A^T x
template <class T>
void add_transposed(const Bands<T>& a, int64_t n, const T* x, T* y) {
  if (a.diagonal)
    for (int64_t i = 0; i < n; ++i) y[i] += a.diagonal[i] * x[i];
  if (a.lower)
    for (int64_t i = 1; i < n; ++i) y[i - 1] += a.lower[i - 1] * x[i];
  if (a.upper)
    for (int64_t i = 0; i + 1 < n; ++i) y[i + 1] += a.upper[i] * x[i];
}

// The bands of the outer product y x^T, added to `d`.
template <class T>
struct BandSums {
  T *lower, *diagonal, *upper;

  void add(int64_t n, const T* y, const T* x) const {
    if (diagonal)
      for (int64_t i = 0; i < n; ++i) diagonal[i] += y[i] * x[i];
    if (lower)
      for (int64_t i = 1; i < n; ++i) lower[i - 1] += y[i] * x[i - 1];
    if (upper)
      for (int64_t i = 0; i + 1 < n; ++i) upper[i] += y[i] * x[i + 1];
  }
};

template <class T>
const T* band(const Tensor& t) {
  return t.defined() ? t.data<T>() : nullptr;
}

void check_band(const char* name, const Tensor& band, int64_t size, DType dtype) {
  check(!band.defined() || (band.shape() == Shape{size} && band.dtype() == dtype), "krylov: the ",
        name, " band is ", band, ", expected [", size, "] ", dtype);
}

// The gradient of the loss by A^j v is that by its own row plus A^T times that by A^(j+1) v.
template <class T>
void backward(const Tensor& k, const Tensor& dk, const Bands<T>& a, Tensor& dv,
              const BandSums<T>& sums) {
  const int64_t rank = k.dim(0), steps = k.dim(1), n = k.dim(2);
  Tensor next({n}, k.dtype()), here({n}, k.dtype());
  for (int64_t i = 0; i < rank; ++i) {
    const T* rows = k.data<T>() + i * steps * n;
    const T* gradients = dk.data<T>() + i * steps * n;
    T *lambda = next.mutable_data<T>(), *result = here.mutable_data<T>();
    std::copy_n(gradients + (steps - 1) * n, n, lambda);
    for (int64_t j = steps - 2; j >= 0; --j) {
      sums.add(n, lambda, rows + j * n);
      std::copy_n(gradients + j * n, n, result);
      add_transposed(a, n, lambda, result);
      std::swap(lambda, result);
    }
    if (dv.defined()) std::copy_n(lambda, n, dv.mutable_data<T>() + i * n);
  }
}

}  // namespace

Tensor krylov(const Tensor& v, int64_t steps, const Tensor& lower, const Tensor& diagonal,
              const Tensor& upper) {
  check(v.rank() == 2 && v.dim(1) >= 1 && steps >= 1, "krylov: v is ", v, " and steps ", steps,
        ", expected v [rank, n] and at least one step");
  const int64_t rank = v.dim(0), n = v.dim(1);
  check_band("lower", lower, n - 1, v.dtype());
  check_band("diagonal", diagonal, n, v.dtype());
  check_band("upper", upper, n - 1, v.dtype());
  Tensor k({rank, steps, n}, v.dtype());
  dispatch_real(v.dtype(), "krylov", [&]<class T>() {
    const Bands<T> a{band<T>(lower), band<T>(diagonal), band<T>(upper)};
    for (int64_t i = 0; i < rank; ++i) {
      T* rows = k.mutable_data<T>() + i * steps * n;
      std::copy_n(v.data<T>() + i * n, n, rows);
      for (int64_t j = 1; j < steps; ++j) apply(a, n, rows + (j - 1) * n, rows + j * n);
    }
  });
  record("krylov", k, {&v, &lower, &diagonal, &upper},
         [k = k.detach(), lower, diagonal, upper](const Tensor& dk, InputGradients& dx) {
           dispatch_real(dk.dtype(), "krylov", [&]<class T>() {
             const auto zeros = [&](size_t input, int64_t count) {
               return dx.needs(input) ? Tensor::zeros({count}, dk.dtype()) : Tensor();
             };
             const int64_t size = k.dim(2);
             Tensor dv = dx.needs(0) ? Tensor({k.dim(0), size}, dk.dtype()) : Tensor();
             Tensor d[] = {zeros(1, size - 1), zeros(2, size), zeros(3, size - 1)};
             const auto sums = [](Tensor& t) {
               return t.defined() ? t.mutable_data<T>() : nullptr;
             };
             backward<T>(k, dk, {band<T>(lower), band<T>(diagonal), band<T>(upper)}, dv,
                         {sums(d[0]), sums(d[1]), sums(d[2])});
             if (dv.defined()) dx.add(0, dv);
             for (size_t i = 0; i < 3; ++i)
               if (d[i].defined()) dx.add(i + 1, d[i]);
           });
         });
  return k;
}

}  // namespace papilio
