// Against the butterfly multiply of the identity and its gradient, on every SIMD target.
#include "papilio/core/kernels/butterfly_misfit.h"

#include <gtest/gtest.h>

#include <random>
#include <stdexcept>

#include "papilio/core/kernels/butterfly.h"
#include "papilio/core/kernels/simd.h"

namespace papilio::kernels {
namespace {

template <class T>
std::vector<std::complex<T>> random(int64_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<T> normal(0, T(0.5));
  std::vector<std::complex<T>> values(static_cast<size_t>(count));
  for (auto& value : values) value = {normal(engine), normal(engine)};
  return values;
}

// sum |B - target|^2, with B from multiplying the identity; the gradient too.
template <class T>
double direct(int64_t n, int64_t levels, const std::vector<std::complex<T>>& target, bool real_part,
              const std::vector<std::complex<T>>& twiddle, std::vector<std::complex<T>>& gradient) {
  std::vector<std::complex<T>> x(static_cast<size_t>(n * n)), y(x.size());
  for (int64_t i = 0; i < n; ++i) x[static_cast<size_t>(i * n + i)] = 1;
  const ButterflyShape shape{.batch = n, .in_features = n, .n = n, .out_features = n};
  butterfly_forward(shape, twiddle.data(), x.data(), y.data());
  double loss = 0;
  for (int64_t j = 0; j < n; ++j)
    for (int64_t i = 0; i < n; ++i) {  // y[j, i] = B[i, j]
      std::complex<T>& e = y[static_cast<size_t>(j * n + i)];
      e -= target[static_cast<size_t>(i * n + j)];
      if (real_part) e = e.real();
      loss += std::norm(e);
      e *= 2;
    }
  gradient.resize(static_cast<size_t>(levels * n * 2));
  butterfly_backward<std::complex<T>>(shape, twiddle.data(), x.data(), y.data(), nullptr,
                                      gradient.data());
  return loss;
}

template <class T>
void agrees(int64_t n, bool real_part, double tolerance) {
  int64_t levels = 0;
  while ((int64_t{1} << levels) < n) ++levels;
  const auto target = random<T>(n * n, 1), twiddle = random<T>(levels * n * 2, 2);
  std::vector<std::complex<T>> expected, gradient(twiddle.size());
  const double loss = direct(n, levels, target, real_part, twiddle, expected);
  ButterflyMisfit<T> misfit(n, target.data(), real_part);
  for (int repeat = 0; repeat < 2; ++repeat) {
    EXPECT_NEAR(misfit(twiddle.data(), gradient.data()), loss, tolerance * loss) << n;
    double error = 0, norm = 0;
    for (size_t i = 0; i < expected.size(); ++i)
      error += std::norm(gradient[i] - expected[i]), norm += std::norm(expected[i]);
    EXPECT_LE(std::sqrt(error / norm), tolerance) << n << (real_part ? " real part" : "");
  }
}

TEST(ButterflyMisfit, IsThatOfTheMultipliedIdentity) {
  for (const std::string& target : simd_targets()) {
    SCOPED_TRACE(target);
    set_simd_target(target);
    for (int64_t n = 2; n <= 256; n *= 2)
      for (const bool real_part : {false, true}) {
        agrees<double>(n, real_part, 1e-13);
        agrees<float>(n, real_part, 1e-5);
      }
  }
  set_simd_target("");
}

TEST(ButterflyMisfit, TakesPowersOfTwo) {
  const std::vector<std::complex<double>> target(36);
  EXPECT_THROW(ButterflyMisfit<double>(6, target.data(), false), std::invalid_argument);
  EXPECT_THROW(ButterflyMisfit<double>(1, target.data(), false), std::invalid_argument);
}

}  // namespace
}  // namespace papilio::kernels
