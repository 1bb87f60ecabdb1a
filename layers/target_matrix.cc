#include "papilio/layers/target_matrix.h"

#include <bit>
#include <cmath>
#include <complex>
#include <string>

#include "papilio/layers/root_of_unity.h"

namespace papilio {
namespace {

using Complex = std::complex<double>;

double over(int64_t a, int64_t b) { return static_cast<double>(a) / static_cast<double>(b); }
uint64_t bits(int64_t i) { return static_cast<uint64_t>(i); }

// cos and sin of pi a / b.
double cos_pi(int64_t a, int64_t b) { return root_of_unity(a, 2 * b).real(); }
double sin_pi(int64_t a, int64_t b) { return root_of_unity(a, 2 * b).imag(); }

// The matrix of the entries scaling * entry(j, k).
template <class T = double, class Entry>
Tensor filled(int64_t n, double scaling, const Entry& entry) {
  Tensor matrix({n, n}, dtype_of<T>());
  T* values = matrix.mutable_data<T>();
  for (int64_t j = 0; j < n; ++j)
    for (int64_t k = 0; k < n; ++k) *values++ = scaling * entry(j, k);
  return matrix;
}

template <class Entry>
Tensor scaled(int64_t n, const Entry& entry) {
  return filled<>(n, 1 / std::sqrt(static_cast<double>(n)), entry);
}

Tensor fourier(int64_t n, int64_t sign) {
  return filled<Complex>(n, 1 / std::sqrt(static_cast<double>(n)), [=](int64_t j, int64_t k) {
    return root_of_unity(sign * (j * k % n), n);
  });
}

Tensor dct2(int64_t n, Rng) {
  return scaled(n, [n](int64_t j, int64_t k) { return 2 * cos_pi(j * (2 * k + 1), 2 * n); });
}
Tensor dct3(int64_t n, Rng) {
  return scaled(
      n, [n](int64_t j, int64_t k) { return k == 0 ? 1 : 2 * cos_pi(k * (2 * j + 1), 2 * n); });
}
Tensor dct4(int64_t n, Rng) {
  return scaled(n,
                [n](int64_t j, int64_t k) { return 2 * cos_pi((2 * j + 1) * (2 * k + 1), 4 * n); });
}
Tensor dst2(int64_t n, Rng) {
  return scaled(n, [n](int64_t j, int64_t k) { return 2 * sin_pi((j + 1) * (2 * k + 1), 2 * n); });
}
Tensor dst3(int64_t n, Rng) {
  return scaled(n, [n](int64_t j, int64_t k) {
    if (k == n - 1) return j % 2 == 0 ? 1.0 : -1.0;
    return 2 * sin_pi((k + 1) * (2 * j + 1), 2 * n);
  });
}
Tensor dst4(int64_t n, Rng) {
  return scaled(n,
                [n](int64_t j, int64_t k) { return 2 * sin_pi((2 * j + 1) * (2 * k + 1), 4 * n); });
}

void check_power(const char* name, int64_t n) {
  check(std::has_single_bit(bits(n)), "target matrix: ", name, " of size ", n,
        "; a power of two is needed");
}

Tensor hadamard(int64_t n, Rng) {
  check_power("hadamard", n);
  return scaled(n, [](int64_t j, int64_t k) { return std::popcount(bits(j & k)) % 2 ? -1 : 1; });
}

Tensor hartley(int64_t n, Rng) {
  return scaled(n, [n](int64_t j, int64_t k) {
    const Complex w = root_of_unity(j * k % n, n);
    return w.real() + w.imag();
  });
}

Tensor convolution(int64_t n, Rng rng) {
  return scaled(n, [=](int64_t j, int64_t k) { return rng.normal(bits((j - k + n) % n)); });
}

double point(int64_t j, int64_t n) { return over(2 * (j + 1), n + 1) - 1; }

// (j + 1) P_{j+1} = (2j + 1) x P_j - j P_{j-1}
Tensor legendre(int64_t n, Rng) {
  std::vector<double> x, before(bits(n), 0.0), now(bits(n), 1.0);
  for (int64_t k = 0; k < n; ++k) x.push_back(point(k, n));
  int64_t degree = 0;
  return scaled(n, [&](int64_t j, int64_t k) {
    const auto i = static_cast<size_t>(k);
    if (degree == j) return now[i];  // the first row
    const double next = (over(2 * j - 1, j) * x[i] * now[i]) - over(j - 1, j) * before[i];
    before[i] = now[i];
    if (k == n - 1) degree = j;
    return now[i] = next;
  });
}

// Entries are positive, so the largest singular value is the Perron root.
double hilbert_norm(int64_t n) {
  std::vector<double> v(bits(n), 1.0), next(bits(n));
  double norm = 0;
  for (int iteration = 0; iteration < 1000; ++iteration) {
    double square = 0;
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t k = 0; k < n; ++k) sum += v[bits(k)] / static_cast<double>(j + k + 1);
      next[bits(j)] = sum;
      square += sum * sum;
    }
    const double last = norm;
    norm = std::sqrt(square);
    for (int64_t j = 0; j < n; ++j) v[bits(j)] = next[bits(j)] / norm;
    if (std::abs(norm - last) <= 1e-16 * norm) break;
  }
  return norm;
}

Tensor hilbert(int64_t n, Rng) {
  return filled<>(n, 1 / hilbert_norm(n), [](int64_t j, int64_t k) { return over(1, j + k + 1); });
}

// Row j > 0 of level l = log2 j rounded down is one wavelet of n / 2^l points.
Tensor haar(int64_t n, Rng) {
  check_power("haar", n);
  return filled<>(n, 1, [n](int64_t j, int64_t k) {
    if (j == 0) return std::sqrt(over(1, n));
    const auto waves = static_cast<int64_t>(std::bit_floor(bits(j)));
    const int64_t width = n / waves, first = (j - waves) * width;
    if (k < first || k >= first + width) return 0.0;
    return (k < first + width / 2 ? 1 : -1) * std::sqrt(over(1, width));
  });
}

Tensor toeplitz(int64_t n, Rng rng) {
  return scaled(n, [=](int64_t j, int64_t k) { return rng.normal(bits(j - k + n - 1)); });
}

Tensor vandermonde(int64_t n, Rng) {
  return scaled(n, [n](int64_t j, int64_t k) { return std::pow(point(j, n), k); });
}

Tensor normal(int64_t n, Rng rng) {
  return scaled(n, [=](int64_t j, int64_t k) { return rng.normal(bits(j * n + k)); });
}

Tensor permutation(int64_t n, Rng rng) {
  const std::vector<int64_t> v = rng.permutation(n);
  return filled<>(n, 1, [&](int64_t j, int64_t k) { return v[bits(j)] == k ? 1.0 : 0.0; });
}

struct Target {
  std::string_view name;
  Tensor (*make)(int64_t n, Rng rng);
};
constexpr Target kTargets[] = {
    {"dft", [](int64_t n, Rng) { return fourier(n, -1); }},
    {"idft", [](int64_t n, Rng) { return fourier(n, 1); }},
    {"dct2", dct2},
    {"dct3", dct3},
    {"dct4", dct4},
    {"dst2", dst2},
    {"dst3", dst3},
    {"dst4", dst4},
    {"hadamard", hadamard},
    {"hartley", hartley},
    {"convolution", convolution},
    {"legendre", legendre},
    {"hilbert", hilbert},
    {"haar", haar},
    {"toeplitz", toeplitz},
    {"vandermonde", vandermonde},
    {"randn", normal},
    {"permutation", permutation},
};

}  // namespace

Tensor target_matrix(std::string_view name, int64_t n, Rng rng) {
  check(n >= 1 && n <= int64_t{1} << 20, "target matrix: size ", n, "; 1 to 2^20 are possible");
  if (name == "dct") name = "dct2";
  if (name == "dst") name = "dst2";
  std::string names;
  for (const Target& target : kTargets) {
    if (target.name == name) return target.make(n, rng.split(name));
    names += concat(names.empty() ? "" : ", ", target.name);
  }
  fail("target matrix: unknown name '", name, "'; the names are ", names);
}

std::vector<std::string_view> target_names() {
  std::vector<std::string_view> names;
  for (const Target& target : kTargets) names.push_back(target.name);
  return names;
}

}  // namespace papilio
