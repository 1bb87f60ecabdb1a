#include "papilio/layers/target_matrix.h"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <set>

#include "papilio/layers/root_of_unity.h"
#include "papilio/tests/core/ops/recorded_values.h"
#include "papilio/tests/layers/transform_reference.h"

namespace papilio {
namespace {

using Complex = std::complex<double>;

TEST(RootOfUnity, IsExactOnAxesAndSymmetric) {
  EXPECT_EQ(root_of_unity(0, 7), Complex(1, 0));
  EXPECT_EQ(root_of_unity(3, 12), Complex(0, 1));
  EXPECT_EQ(root_of_unity(-1, 4), Complex(0, -1));
  EXPECT_EQ(root_of_unity(1, 2), Complex(-1, 0));
  for (const int64_t n : {1, 2, 3, 7, 8, 12, 24, 1000, 1024})
    for (int64_t k = 0; k < n; ++k) {
      const Complex w = root_of_unity(k, n);
      EXPECT_EQ(root_of_unity(n - k, n), std::conj(w));
      EXPECT_EQ(root_of_unity(k + 5 * n, n), w);
      const long double angle = 2 * 3.14159265358979323846L * k / n;
      EXPECT_NEAR(w.real(), static_cast<double>(std::cos(angle)), 1.2e-16);
      EXPECT_NEAR(w.imag(), static_cast<double>(std::sin(angle)), 1.2e-16);
    }
}

// Recorded values are of the transforms as SciPy scales them.
double recorded_scale(const std::string& name, int64_t n) {
  if (name == "idft") return std::sqrt(static_cast<double>(n));
  return name == "hilbert" || name == "haar" ? 1 : 1 / std::sqrt(static_cast<double>(n));
}

TEST(TargetMatrix, AgreesWithScipy) {
  std::set<std::string_view> seen;
  const auto names = target_names();
  for (const auto& [name, n, y] : recorded_transforms()) {
    if (std::ranges::count(names, name) == 0 || name == "toeplitz") continue;
    seen.insert(name);
    const Tensor matrix = target_matrix(name, n);
    const Tensor x = fill({n}, 5, 2, 13);
    std::vector<double> expected = y;
    for (double& value : expected) value *= recorded_scale(std::string(name), n);
    SCOPED_TRACE(concat(name, " ", n));
    expect_numbers(linear(is_complex(matrix.dtype()) ? complex(x) : x, matrix), expected, 1e-14);
  }
  EXPECT_EQ(seen.size(), 13u);
}

double entry(const Tensor& m, int64_t j, int64_t k) { return m.data<double>()[j * m.dim(1) + k]; }

TEST(TargetMatrix, DrawsAsDocumented) {
  const int64_t n = 6;
  const double s = 1 / std::sqrt(6.0);
  const Rng rng(3);
  const auto c = rng.split("convolution"), t = rng.split("toeplitz"), g = rng.split("randn");
  const auto v = rng.split("permutation").permutation(n);
  for (int64_t j = 0; j < n; ++j)
    for (int64_t k = 0; k < n; ++k) {
      const auto at = [](int64_t i) { return static_cast<uint64_t>(i); };
      EXPECT_EQ(entry(target_matrix("convolution", n, rng), j, k),
                s * c.normal(at((j - k + n) % n)));
      EXPECT_EQ(entry(target_matrix("toeplitz", n, rng), j, k), s * t.normal(at(j - k + n - 1)));
      EXPECT_EQ(entry(target_matrix("randn", n, rng), j, k), s * g.normal(at(j * n + k)));
      EXPECT_EQ(entry(target_matrix("permutation", n, rng), j, k), v[at(j)] == k ? 1 : 0);
      EXPECT_NEAR(entry(target_matrix("vandermonde", n), j, k),
                  s * std::pow(-1 + 2.0 * static_cast<double>(j + 1) / 7, k), 1e-15);
    }
}

TEST(TargetMatrix, TakesEveryNameAndShortNames) {
  for (const auto name : target_names()) {
    SCOPED_TRACE(name);
    const Tensor m = target_matrix(name, 16);
    EXPECT_EQ(m.shape(), Shape({16, 16}));
    EXPECT_EQ(m.dtype(), name == "dft" || name == "idft" ? DType::c128 : DType::f64);
    EXPECT_EQ(target_matrix(name, 1).numel(), 1);
  }
  EXPECT_EQ(numbers(target_matrix("dct", 5)), numbers(target_matrix("dct2", 5)));
  EXPECT_EQ(numbers(target_matrix("dst", 5)), numbers(target_matrix("dst2", 5)));
}

TEST(TargetMatrix, RefusesWhatIsNone) {
  expect_error([] { target_matrix("dft2", 4); }, {"unknown name 'dft2'", "dft, idft, dct2"});
  expect_error([] { target_matrix("hadamard", 6); }, {"hadamard of size 6", "power of two"});
  expect_error([] { target_matrix("haar", 3); }, {"haar of size 3", "power of two"});
  expect_error([] { target_matrix("randn", 0); }, {"size 0"});
}

}  // namespace
}  // namespace papilio
