#include "papilio/layers/twiddle.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

#include "papilio/core/kernels/butterfly_freeze.h"
#include "papilio/core/ops.h"

namespace papilio {
namespace {

using Complex = std::complex<double>;
using Matrix = Matrix2;

template <class T>
T converted(const Complex& value) {
  if constexpr (is_complex_type<T>)
    return T(value);
  else
    return static_cast<T>(value.real());
}

constexpr double kTwoPi = 2 * std::numbers::pi;

// The random 2 x 2 matrices are functions of (rng, number of the matrix).
Matrix randn_matrix(bool complex, Rng rng, uint64_t number) {
  Matrix m;
  for (size_t e = 0; e < 4; ++e) {
    const uint64_t index = 4 * number + e;
    m[e] = complex ? Complex(rng.normal(2 * index), rng.normal(2 * index + 1)) / 2.0
                   : Complex(rng.normal(index) * std::sqrt(0.5));
  }
  return m;
}

Matrix ortho_matrix(bool complex, Rng rng, uint64_t number) {
  const auto angle = [&](uint64_t i) { return kTwoPi * rng.uniform(4 * number + i); };
  if (!complex) {
    const double theta = angle(0), d = rng.uniform(4 * number + 1) < 0.5 ? 1 : -1;
    return {d * std::cos(theta), -d * std::sin(theta), std::sin(theta), std::cos(theta)};
  }
  const double phi = std::asin(std::sqrt(rng.uniform(4 * number)));
  const double alpha = angle(1), psi = angle(2), chi = angle(3);
  return {std::polar(std::cos(phi), alpha + psi), std::polar(std::sin(phi), alpha + chi),
          -std::polar(std::sin(phi), alpha - chi), std::polar(std::cos(phi), alpha - psi)};
}

Matrix identity_matrix(bool, Rng, uint64_t) { return {1, 0, 0, 1}; }

struct Init {
  std::string_view name;
  Matrix (*matrix)(bool complex, Rng rng, uint64_t number);
  double fourier_sign;  // of the exponent; 0: no Fourier transform
};
constexpr std::array<Init, 5> kInits{{{"randn", randn_matrix, 0},
                                      {"ortho", ortho_matrix, 0},
                                      {"identity", identity_matrix, 0},
                                      {"fft", identity_matrix, -1},
                                      {"ifft", identity_matrix, 1}}};

const Init& init_named(std::string_view name, DType dtype) {
  std::string names;
  for (const Init& init : kInits) {
    if (init.name != name) {
      names += concat(names.empty() ? "" : ", ", init.name);
      continue;
    }
    check(init.fourier_sign == 0 || is_complex(dtype), "butterfly: init '", name,
          "' is a complex transform; give the layer dtype c64 or c128");
    return init;
  }
  fail("butterfly: unknown init '", name, "'; the names are ", names);
}

// Decimation in time for increasing strides, in frequency for decreasing ones; unitary.
Matrix fourier_matrix(double sign, bool increasing_stride, int64_t stride, int64_t l) {
  const double h = std::sqrt(0.5);
  const Complex w =
      std::polar(h, sign * std::numbers::pi * static_cast<double>(l) / static_cast<double>(stride));
  return increasing_stride ? Matrix{h, w, h, -w} : Matrix{h, h, w, -w};
}

// Overwrites block 0 of every stack of a tied or untied twiddle.
template <class T>
void fill_fourier(Tensor& twiddle, bool tied, double sign, bool increasing_stride) {
  const int64_t stacks = twiddle.dim(0), blocks = twiddle.dim(1);
  const int64_t rows = twiddle.numel() / (4 * stacks * blocks), factors = tied ? 0 : twiddle.dim(2);
  T* values = twiddle.mutable_data<T>();
  for (int64_t s = 0; s < stacks; ++s)
    for (int64_t row = 0; row < rows; ++row) {
      int64_t stride, l;
      if (tied) {
        stride = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(row + 1)));
        l = row + 1 - stride;
      } else {
        const int64_t k = row / twiddle.dim(3), i = row % twiddle.dim(3);
        stride = int64_t{1} << (increasing_stride ? k : factors - 1 - k);
        l = i % stride;
      }
      const Matrix m = fourier_matrix(sign, increasing_stride, stride, l);
      for (size_t e = 0; e < 4; ++e)
        values[(s * blocks * rows + row) * 4 + static_cast<int64_t>(e)] = T(m[e]);
    }
}

kernels::ButterflyShape kernel_shape(const char* name, const Tensor& twiddle,
                                     bool increasing_stride) {
  const int64_t n = twiddle.rank() == 6 ? 2 * twiddle.dim(3) : 0;
  check(n >= 2 && std::has_single_bit(static_cast<uint64_t>(n)) &&
            twiddle.shape() == twiddle_shape(twiddle.dim(0), twiddle.dim(1), n, false),
        name, ": ", twiddle,
        ", expected [nstacks, nblocks, log2 n, n/2, 2, 2] with n a power of two, at least 2");
  return {.batch = 0,
          .in_features = n,
          .n = n,
          .nstacks = twiddle.dim(0),
          .nblocks = twiddle.dim(1),
          .increasing_stride = increasing_stride,
          .out_features = n};
}

}  // namespace

int64_t butterfly_size(int64_t features) {
  check(features >= 1 && features <= int64_t{1} << 31, "butterfly: size ", features,
        "; 1 to 2^31 are possible");
  return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(features)));
}

int64_t log2_exact(int64_t n) {
  check(n > 0 && std::has_single_bit(static_cast<uint64_t>(n)), "butterfly: n = ", n,
        " is not a power of two");
  return std::countr_zero(static_cast<uint64_t>(n));
}

int64_t block_flops(int64_t n, DType dtype) {
  return (is_complex(dtype) ? 28 : 6) * (n / 2) * log2_exact(n);
}

Shape twiddle_shape(int64_t nstacks, int64_t nblocks, int64_t n, bool tied) {
  if (tied) return {nstacks, nblocks, n - 1, 2, 2};
  return {nstacks, nblocks, log2_exact(n), n / 2, 2, 2};
}

Tensor make_twiddle(int64_t n, int64_t nblocks, bool increasing_stride, DType dtype,
                    const std::function<Matrix2(const TwiddlePlace&)>& matrix) {
  Tensor twiddle(twiddle_shape(1, nblocks, n, false), dtype);
  const int64_t factors = log2_exact(n);
  dispatch_floating(dtype, "butterfly", [&]<class T>() {
    T* values = twiddle.mutable_data<T>();
    for (int64_t block = 0; block < nblocks; ++block) {
      const bool increasing = increasing_stride == (block % 2 == 0);
      for (int64_t k = 0; k < factors; ++k)
        for (int64_t i = 0; i < n / 2; ++i) {
          const int64_t stride = int64_t{1} << (increasing ? k : factors - 1 - k);
          for (const Complex& entry : matrix({block, k, i, stride, 2 * i - i % stride}))
            *values++ = converted<T>(entry);
        }
    }
  });
  return twiddle;
}

Tensor initial_twiddle(std::string_view name, int64_t nstacks, int64_t nblocks, int64_t n,
                       bool tied, bool increasing_stride, DType dtype, Rng rng) {
  const Init& init = init_named(name, dtype);
  Tensor twiddle(twiddle_shape(nstacks, nblocks, n, tied), dtype);
  dispatch_floating(dtype, "butterfly", [&]<class T>() {
    T* values = twiddle.mutable_data<T>();
    for (int64_t number = 0; number < twiddle.numel() / 4; ++number) {
      const Matrix m = init.matrix(is_complex(dtype), rng, static_cast<uint64_t>(number));
      for (const Complex& entry : m) *values++ = converted<T>(entry);
    }
    if constexpr (is_complex_type<T>)
      if (init.fourier_sign != 0)
        fill_fourier<T>(twiddle, tied, init.fourier_sign, increasing_stride);
  });
  return twiddle;
}

Tensor transposed_twiddle(const Tensor& twiddle) {
  if (twiddle.numel() == 0) return twiddle;
  const int64_t stacks = twiddle.dim(0), factors = twiddle.dim(1) * twiddle.dim(2),
                pairs = twiddle.dim(3);
  std::vector<int64_t> index;
  index.reserve(static_cast<size_t>(twiddle.numel()));
  for (int64_t s = 0; s < stacks; ++s)
    for (int64_t f = factors - 1; f >= 0; --f)
      for (int64_t i = 0; i < pairs; ++i)
        for (int64_t e : {0, 2, 1, 3}) index.push_back(((s * factors + f) * pairs + i) * 4 + e);
  return reshape(
      gather(reshape(twiddle, {twiddle.numel()}), Tensor::from(index, {twiddle.numel()})),
      twiddle.shape());
}

Tensor unit_diagonal_twiddle(const Tensor& twiddle, bool increasing_stride) {
  const auto shape = kernel_shape("unit_diagonal_twiddle", twiddle, increasing_stride);
  Tensor result(twiddle.shape(), twiddle.dtype());
  const bool exists = dispatch_floating(twiddle.dtype(), "unit_diagonal_twiddle", [&]<class T>() {
    return kernels::unit_diagonals(shape, twiddle.data<T>(), result.mutable_data<T>());
  });
  return exists ? result : Tensor();
}

Tensor balanced_twiddle(const Tensor& twiddle, bool increasing_stride) {
  const auto shape = kernel_shape("balanced_twiddle", twiddle, increasing_stride);
  Tensor result(twiddle.shape(), twiddle.dtype());
  const bool exists = dispatch_floating(twiddle.dtype(), "balanced_twiddle", [&]<class T>() {
    return kernels::balance_rows(shape, twiddle.data<T>(), result.mutable_data<T>());
  });
  return exists ? result : twiddle;
}

Tensor scaled_columns(const Tensor& twiddle, bool increasing_stride, const Tensor& d) {
  const auto shape = kernel_shape("scaled_columns", twiddle, increasing_stride);
  check(d.rank() == 1 && d.dim(0) <= shape.n && d.dtype() == real_of(twiddle.dtype()),
        "scaled_columns: the diagonal is ", d, ", expected at most [", shape.n, "] ",
        real_of(twiddle.dtype()));
  Tensor result = twiddle.clone();
  dispatch_floating(twiddle.dtype(), "scaled_columns", [&]<class T>() {
    using Real = real_type<T>;
    const auto at = [&](int64_t i) { return i < d.numel() ? d.data<Real>()[i] : Real(1); };
    const int64_t stride = increasing_stride ? 1 : shape.n / 2,
                  of_stack = twiddle.numel() / std::max<int64_t>(shape.nstacks, 1);
    for (int64_t s = 0; s < shape.nstacks; ++s) {
      T* m = result.mutable_data<T>() + s * of_stack;
      for (int64_t i = 0; i < shape.n / 2; ++i, m += 4) {
        const int64_t p = 2 * i - i % stride;
        m[0] *= at(p), m[2] *= at(p);
        m[1] *= at(p + stride), m[3] *= at(p + stride);
      }
    }
  });
  return result;
}

Tensor conjugated(const Tensor& x) {
  return is_complex(x.dtype()) ? complex(real(x), scale(imag(x), -1)) : x;
}

}  // namespace papilio
