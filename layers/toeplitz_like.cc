// A skew-circulant matrix S, of first column h, is E^-1 C E with C the circulant matrix of first
// column E h and E = diag(eta^j), eta = exp(i pi / n): eta^n = -1 gives what wraps around its sign.
// S is real, so S^T = S^H = E^-1 C^H E, and with the transform F
//   S^T x = E^-1 F^-1 (conj(F E h) * F E x).
// Two terms of the sum share their transforms: their two real vectors S^T x travel as the parts of
// one complex vector, h_0 - i h_1 gives it, and g_0 - i g_1 sums their products into the real part.

#include "papilio/layers/toeplitz_like.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "papilio/layers/twiddle.h"

namespace papilio {
namespace {

Tensor powers_of_eta(int64_t n, double sign, DType real) {
  Tensor powers({n}, complex_of(real));
  dispatch_floating(powers.dtype(), "toeplitz_like", [&]<class T>() {
    if constexpr (is_complex_type<T>)
      for (int64_t j = 0; j < n; ++j)
        powers.mutable_data<T>()[j] = T(std::polar(
            1.0, sign * std::numbers::pi * static_cast<double>(j) / static_cast<double>(n)));
  });
  return powers;
}

// v [rank, n] -> [pairs, n]: v_0 - i v_1, v_2 - i v_3, ...
Tensor paired(const Tensor& v) {
  const int64_t n = v.dim(1), pairs = (v.dim(0) + 1) / 2;
  const Tensor even = v.dim(0) % 2 == 0 ? v : pad(v, 0, 0, 1);
  const Tensor rows = reshape(even, {pairs, 2 * n});
  return complex(slice(rows, 1, 0, n), scale(slice(rows, 1, n, 2 * n), -1));
}

Tensor row(const Tensor& matrix, int64_t i) {
  return reshape(slice(matrix, 0, i, i + 1), {matrix.dim(1)});
}

}  // namespace

ToeplitzLike::ToeplitzLike(int64_t in_features, int64_t out_features,
                           const ToeplitzLikeOptions& options, Rng rng)
    : StructuredLinear("toeplitz_like", in_features, out_features, options.bias, options.dtype,
                       rng),
      n_(butterfly_size(std::max(in_features, out_features))),
      rank_(options.rank),
      fourier_(n_, real_of(options.dtype)),
      twist_(powers_of_eta(n_, 1, real_of(options.dtype))),
      untwist_(powers_of_eta(n_, -1, real_of(options.dtype))) {
  check(is_real(dtype_), "toeplitz_like: dtype ", dtype_, "; expected f32 or f64");
  check(rank_ >= 1, "toeplitz_like: rank = ", rank_, "; at least 1 is needed");
  const double deviation = 1 / std::sqrt(static_cast<double>(rank_ * n_));
  const auto generator = [&](const char* name) {
    return Parameter(scale(randn({rank_, n_}, rng.split(name), dtype_), deviation),
                     {.weight_decay = false, .structured = true});
  };
  left_ = generator("left"), right_ = generator("right");
}

// Of g, then of h: [2 pairs, n].
Tensor ToeplitzLike::spectra() const {
  return spectra_.get({left_, right_}, [this] {
    const Tensor left = fourier_.forward(paired(left_));
    const Tensor right = conjugated(fourier_.forward(mul(paired(right_), twist_)));
    return scale(concat({left, right}, 0), std::sqrt(static_cast<double>(n_)));
  });
}

Tensor ToeplitzLike::multiply(const Tensor& x) {
  const Tensor twist = in_features_ == n_ ? twist_ : slice(twist_, 0, 0, in_features_);
  const Tensor input = fourier_.forward(mul(complex(x), twist)), spectra = this->spectra();
  Tensor sum;
  for (int64_t p = 0; p < pairs(); ++p) {
    const Tensor inner = fourier_.inverse(mul(input, row(spectra, pairs() + p)), n_);
    const Tensor term = mul(fourier_.forward(mul(inner, untwist_)), row(spectra, p));
    sum = sum.defined() ? add(sum, term) : term;
  }
  return real(fourier_.inverse(sum, out_features_));
}

int64_t ToeplitzLike::flops_per_row() const {
  return (2 + 2 * pairs()) * fourier_.flops() + 6 * in_features_ +
         (20 * pairs() - 2) * n_;  // three products a pair, and the sums
}

Config ToeplitzLike::config() const {
  Config config = base_config();
  config["rank"] = rank_;
  return config;
}

}  // namespace papilio
