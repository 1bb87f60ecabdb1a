#include "papilio/layers/import.h"

#include <algorithm>

#include "papilio/core/ops.h"
#include "papilio/layers/twiddle.h"

namespace papilio {
namespace {

// With the last axis of two as complex numbers when there is one axis more than `rank`.
Tensor with_complex(const Tensor& t, int64_t rank, const char* expected) {
  const NoTape guard;
  if (t.rank() == rank + 1 && t.dim(-1) == 2 && is_real(t.dtype())) {
    const Shape shape = t.shape().leading();
    return complex(reshape(slice(t, -1, 0, 1), shape), reshape(slice(t, -1, 1, 2), shape));
  }
  check(t.rank() == rank, "import: a tensor ", t, ", expected ", expected,
        ", when complex with one more axis of 2");
  return t;
}

void check_layout(bool ok, const Tensor& t, const char* expected) {
  check(ok, "import: a tensor ", t, ", expected ", expected, " with n a power of two");
}

// log2 n, where `n` is what the layout makes of one axis of t.
int64_t factors_of(int64_t n, const Tensor& t, const char* expected) {
  check_layout(n >= 1 && butterfly_size(n) == n, t, expected);
  return log2_exact(n);
}

// Chunks of log2 n factors in the order of the file to blocks in the order of application.
// `read(chunk values, factor, pair, m)` puts the 2 x 2 matrix m.
template <class Read>
Tensor blocks_of(const Tensor& old, int64_t n, int64_t nblocks, bool increasing_stride,
                 const Read& read) {
  const int64_t factors = log2_exact(n), stacks = old.dim(0);
  Tensor twiddle(twiddle_shape(stacks, nblocks, n, false), old.dtype());
  dispatch_floating(old.dtype(), "import", [&]<class T>() {
    T* to = twiddle.mutable_data<T>();
    for (int64_t chunk = 0; chunk < stacks * nblocks; ++chunk) {
      const bool increasing = increasing_stride == (chunk % nblocks % 2 == 0);
      const T* from = old.data<T>() + chunk * factors * 2 * n;
      for (int64_t k = 0; k < factors; ++k)
        for (int64_t i = 0; i < n / 2; ++i, to += 4) read(from, increasing, k, i, to);
    }
  });
  return twiddle;
}

// Stored by stride, whatever the direction.
Tensor normal(const Tensor& t, int64_t nblocks, bool increasing_stride, const char* expected) {
  const Tensor old = with_complex(t, 5, expected);
  const int64_t n = 2 * old.dim(2), factors = factors_of(n, old, expected);
  check_layout(old.shape() == Shape{old.dim(0), nblocks * factors, n / 2, 2, 2}, old, expected);
  return blocks_of(old, n, nblocks, increasing_stride,
                   [n, factors](const auto* from, bool increasing, int64_t k, int64_t i, auto* m) {
                     const int64_t level = increasing ? k : factors - 1 - k;
                     std::copy_n(from + (level * (n / 2) + i) * 4, 4, m);
                   });
}

Tensor fast(const Tensor& old, int64_t nblocks, bool increasing_stride, const char* expected) {
  check_layout(old.rank() == 4, old, expected);
  const int64_t n = old.dim(3), factors = factors_of(n, old, expected);
  check_layout(old.shape() == Shape{old.dim(0), nblocks * factors, 2, n}, old, expected);
  return blocks_of(old, n, nblocks, increasing_stride,
                   [n, factors](const auto* from, bool increasing, int64_t k, int64_t i, auto* m) {
                     const int64_t stride = int64_t{1} << (increasing ? k : factors - 1 - k);
                     const int64_t l = i % stride, p = 2 * (i - l) + l, q = p + stride;
                     const auto *self = from + k * 2 * n, *partner = self + n;
                     m[0] = self[p], m[1] = partner[p], m[2] = partner[q], m[3] = self[q];
                   });
}

}  // namespace

Tensor import_twiddle(const Tensor& twiddle) {
  const char* expected = "[nstacks, nblocks, log2 n, n/2, 2, 2]";
  Tensor t = with_complex(twiddle, 6, expected);
  const int64_t n = std::max<int64_t>(2 * t.dim(3), 1);
  check_layout(t.shape() == Shape{t.dim(0), t.dim(1), factors_of(n, t, expected), n / 2, 2, 2}, t,
               expected);
  return t;
}

Tensor import_old_twiddle(const Tensor& twiddle, bool increasing_stride) {
  return normal(twiddle, 1, increasing_stride, "[nstacks, log2 n, n/2, 2, 2]");
}

Tensor import_old_tied_twiddle(const Tensor& twiddle) {
  const char* expected = "[nstacks, n-1, 2, 2]";
  const Tensor t = with_complex(twiddle, 4, expected);
  const int64_t n = butterfly_size(t.dim(1) + 1);
  check_layout(t.shape() == Shape{t.dim(0), n - 1, 2, 2}, t, expected);
  return t.view(twiddle_shape(t.dim(0), 1, n, true));
}

Tensor import_old_fast_twiddle(const Tensor& twiddle, bool increasing_stride) {
  return fast(twiddle, 1, increasing_stride, "[nstacks, log2 n, 2, n]");
}

Tensor import_old_bbt_twiddle(const Tensor& twiddle, int64_t width) {
  return normal(twiddle, 2 * width, false, "[nstacks, 2 w log2 n, n/2, 2, 2]");
}

Tensor import_old_fast_bbt_twiddle(const Tensor& twiddle, int64_t width) {
  return fast(twiddle, 2 * width, false, "[nstacks, 2 w log2 n, 2, n]");
}

Tensor import_old_odo_angles(const Tensor& angles, int64_t width) {
  const char* expected = "[nstacks, 2 w log2 n, n/2]";
  check_layout(angles.rank() == 3, angles, expected);
  const int64_t n = 2 * angles.dim(2), factors = factors_of(n, angles, expected);
  check_layout(angles.shape() == Shape{angles.dim(0), 2 * width * factors, n / 2}, angles,
               expected);
  return angles.view({angles.dim(0), 2 * width, factors, n / 2});
}

}  // namespace papilio
