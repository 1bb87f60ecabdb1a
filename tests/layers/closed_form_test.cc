#include "papilio/layers/closed_form.h"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>

#include "papilio/core/threads.h"
#include "papilio/layers/permutation.h"
#include "papilio/layers/target_matrix.h"
#include "papilio/tests/core/ops/recorded_values.h"
#include "papilio/tests/layers/factorize_helpers.h"

namespace papilio {
namespace {

using Index = std::vector<int64_t>;

Tensor identity(int64_t n, DType dtype = DType::f64) {
  Tensor result = Tensor::zeros({n, n}, DType::f64);
  for (int64_t i = 0; i < n; ++i) result.mutable_data<double>()[i * (n + 1)] = 1;
  return result.to(dtype);
}

// The fit as the layers apply it, against its own error.
void expect_error_is_true(const ButterflyFit& fit, const Tensor& matrix) {
  const Tensor found = transpose(fit.multiply(identity(fit.columns, fit.twiddle.dtype())));
  EXPECT_NEAR(relative_distance(found, matrix.to(fit.twiddle.dtype())), fit.relative_error, 1e-13);
}

TEST(BpPermutation, AreTheEightOfTheFamily) {
  const auto& all = bp_permutations();
  ASSERT_EQ(all.size(), 8u);
  EXPECT_EQ(text(all[0]), "identity");
  EXPECT_EQ(text(all[1]), "bit-reversal");
  EXPECT_EQ(text(BpPermutation{true, false, true}), "ac");
  EXPECT_EQ(index_of(all[0], 4), Index({0, 1, 2, 3}));
  for (const int64_t n : {1, 2, 8, 64}) EXPECT_EQ(index_of(all[1], n), bit_reversal(n));
  EXPECT_EQ(index_of({true, false, true}, 4), Index({0, 2, 3, 1}));
  // n = 8: 0 2 4 6 | 1 3 5 7, second half reversed; then 0 4 | 2 6 and 7 3 | 5 1, likewise.
  EXPECT_EQ(index_of({true, false, true}, 8), Index({0, 4, 6, 2, 7, 3, 1, 5}));
  EXPECT_EQ(index_of({false, true, false}, 8), Index({2, 3, 1, 0, 5, 4, 6, 7}));
  expect_error([] { index_of({}, 6); }, {"n = 6", "power of two"});
}

TEST(FitButterfly, RecoversRandomButterfliesOfEverySize) {
  for (const DType dtype : {DType::f64, DType::c128})
    for (int64_t n = 2; n <= 1024; n *= 2)
      for (const bool increasing : {true, false}) {
        const Tensor matrix = random_butterfly(n, dtype, increasing, static_cast<uint64_t>(n));
        const ButterflyFit fit = fit_butterfly(matrix, {.increasing_stride = increasing});
        EXPECT_LT(fit.relative_error, 5e-15) << n << ' ' << text(dtype) << ' ' << increasing;
        EXPECT_EQ(fit.twiddle.shape(), twiddle_shape(1, 1, n, false));
        EXPECT_EQ(fit.twiddle.dtype(), dtype);
        EXPECT_EQ(fit.permutation, "identity");
        EXPECT_FALSE(fit.padded());
        EXPECT_LE(fit.lower_bound, fit.relative_error);
        if (n <= 256) expect_error_is_true(fit, matrix);
      }
}

TEST(FitButterfly, FindsEachPermutation) {
  for (const DType dtype : {DType::f64, DType::c128})
    for (const int64_t n : {4, 16, 64, 256})
      for (const BpPermutation& p : bp_permutations())
        for (const bool increasing : {true, false}) {
          const Tensor matrix =
              behind_permutation(random_butterfly(n, dtype, increasing), index_of(p, n));
          const ButterflyFit fit = fit_butterfly(matrix, {.increasing_stride = increasing});
          EXPECT_LT(fit.relative_error, 5e-15) << n << ' ' << text(p);
          expect_error_is_true(fit, matrix);
          const ButterflyFit named =
              fit_butterfly(matrix, {.permutation = text(p), .increasing_stride = increasing});
          EXPECT_LT(named.relative_error, 5e-15) << n << ' ' << text(p);
          EXPECT_EQ(named.index, index_of(p, n));
        }
}

TEST(FitButterfly, TakesAPermutationOfYourOwn) {
  const Index v = Rng(3).permutation(64);
  const Tensor matrix = behind_permutation(random_butterfly(64, DType::c128), v);
  EXPECT_GT(fit_butterfly(matrix).relative_error, 0.1);
  const ButterflyFit fit = fit_butterfly(matrix, {.index = v});
  EXPECT_LT(fit.relative_error, 5e-15);
  EXPECT_EQ(fit.permutation, "given");
  expect_error_is_true(fit, matrix);
}

TEST(FitButterfly, FindsTheFourierTransform) {
  for (int64_t n = 2; n <= 1024; n *= 2) {
    const Tensor dft = target_matrix("dft", n);
    const ButterflyFit fit = fit_butterfly(dft);
    EXPECT_LT(fit.relative_error, 5e-15) << n;
    EXPECT_TRUE(n <= 4 || fit.index == bit_reversal(n)) << n;
    EXPECT_LT(fit_butterfly(target_matrix("idft", n)).relative_error, 5e-15) << n;
    EXPECT_LT(fit_butterfly(target_matrix("hadamard", n)).relative_error, 5e-15) << n;
  }
  const ButterflyFit narrow = fit_butterfly(target_matrix("dft", 64).to(DType::c64));
  EXPECT_EQ(narrow.twiddle.dtype(), DType::c128);
  EXPECT_LT(narrow.relative_error, 1e-6);
}

TEST(FitButterfly, AverageOutNoise) {
  const int64_t n = 256;
  const Tensor exact = target_matrix("hadamard", n);
  for (const double level : {1e-6, 0.01, 0.1})
    for (const FitOptions& tree : {FitOptions{false, true}, FitOptions{false, false},
                                   FitOptions{true, true}, FitOptions{true, false}}) {
      Tensor noise = randn({n, n}, Rng(7), DType::f64);
      noise = scale(noise, level * frobenius(exact) / frobenius(noise));
      const ButterflyFit fit = fit_butterfly(add(exact, noise), {.tree = tree});
      // Nearer to the noisy matrix than the exact one is, and far nearer to the exact one.
      EXPECT_LT(fit.relative_error, level);
      const Tensor found = transpose(fit.multiply(identity(n)));
      EXPECT_LT(relative_distance(found, exact), 0.5 * level);
    }
}

TEST(FitButterfly, KeepsItsGuarantee) {
  for (const char* name : {"legendre", "hilbert", "dct2", "randn", "hartley", "dft"})
    for (const bool left_to_right : {false, true}) {
      const Tensor matrix = target_matrix(name, 64);
      const ButterflyFit fit =
          fit_butterfly(matrix, {.tree = {.left_to_right = left_to_right, .orthonormal = true}});
      EXPECT_DOUBLE_EQ(fit.bound, left_to_right ? std::sqrt(5.0) : 5.0);
      EXPECT_LE(fit.lower_bound, fit.relative_error) << name;
      EXPECT_LE(fit.relative_error, 1) << name;
      expect_error_is_true(fit, matrix);
      // No other butterfly at hand is better by more than the bound.
      const ButterflyFit other =
          fit_butterfly(matrix, {.permutation = fit.permutation, .tree = {.orthonormal = false}});
      EXPECT_EQ(other.bound, 0);
      EXPECT_LE(fit.relative_error, fit.bound * other.relative_error + 1e-14) << name;
    }
}

TEST(FitButterfly, StartsLegendreBelowThePaper) {
  const ButterflyFit fit = fit_butterfly(target_matrix("legendre", 256));
  const double rmse = fit.relative_error * frobenius(target_matrix("legendre", 256)) / 256;
  EXPECT_LT(rmse, 4.41e-3);  // trained: 4.5e-3
}

TEST(FitButterfly, TriesWhatTheSampleSays) {
  const ButterflyFit fit = fit_butterfly(target_matrix("dft", 128));
  ASSERT_EQ(fit.candidates.size(), 8u);
  for (const auto& [name, estimate, error] : fit.candidates) {
    EXPECT_GE(estimate, 0);
    EXPECT_EQ(error >= 0, name == fit.permutation) << name;
  }
  const ButterflyFit all =
      fit_butterfly(target_matrix("legendre", 128), {.permutation = "exhaustive"});
  for (const auto& [name, estimate, error] : all.candidates) {
    EXPECT_EQ(estimate, -1);
    EXPECT_GE(error, all.relative_error);
  }
}

TEST(FitButterfly, PadsAndStacks) {
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{64, 64},
                                      {100, 64},
                                      {128, 64},
                                      {10, 64},
                                      {64, 50},
                                      {75, 50},
                                      {3, 5},
                                      {1, 7},
                                      {9, 2}})
    for (const DType dtype : {DType::f64, DType::c128}) {
      const int64_t n = butterfly_size(columns), stacks = (rows + n - 1) / n;
      const Tensor twiddle = initial_twiddle("ortho", stacks, 1, n, false, true, dtype, Rng(5));
      const Tensor matrix = Butterfly::from_twiddle(columns, rows, twiddle).to_dense();
      const ButterflyFit fit = fit_butterfly(matrix);
      EXPECT_EQ(fit.twiddle.shape(), twiddle.shape());
      EXPECT_EQ(fit.n, n);
      EXPECT_EQ(fit.padded(), rows % n != 0 || columns != n);
      // Columns beyond the matrix are zeros to the fit and anything to the layer.
      EXPECT_TRUE(fit.padded() || fit.relative_error < 5e-15);
      EXPECT_LE(fit.relative_error, 1);
      expect_error_is_true(fit, matrix);
      // Without a permutation it is layer Butterfly.
      const ButterflyFit plain = fit_butterfly(matrix, {.permutation = "identity"});
      Butterfly layer = Butterfly::from_twiddle(columns, rows, plain.twiddle);
      EXPECT_NEAR(relative_distance(layer.to_dense(), matrix), plain.relative_error, 1e-13);
    }
}

TEST(FitButterfly, TakesIdentityZeroAndExtremeNumbers) {
  for (const int64_t n : {2, 8, 64, 128}) {
    const ButterflyFit unit = fit_butterfly(identity(n));
    EXPECT_EQ(unit.relative_error, 0);
    expect_error_is_true(unit, identity(n));
    const ButterflyFit zero = fit_butterfly(Tensor::zeros({n, n}, DType::c128));
    EXPECT_EQ(zero.relative_error, 0);
    EXPECT_EQ(frobenius(zero.multiply(identity(n, DType::c128))), 0);
  }
  for (const double size : {1e-300, 1e300}) {
    const Tensor matrix = scale(random_butterfly(64, DType::f64), size);
    const ButterflyFit fit = fit_butterfly(matrix);
    EXPECT_LT(fit.relative_error, 5e-15);
    const Tensor found = transpose(fit.multiply(identity(64)));
    EXPECT_LT(relative_distance(scale(found, 1 / size), scale(matrix, 1 / size)), 5e-15);
  }
  const ButterflyFit ones = fit_butterfly(Tensor::full({3, 1}, 1, DType::f64));
  EXPECT_EQ(ones.relative_error, 0);
  expect_error_is_true(ones, Tensor::full({3, 1}, 1, DType::f64));
  EXPECT_DOUBLE_EQ(fit_butterfly(Tensor::full({1, 1}, 2, DType::f64)).relative_error, 0.5);
}

TEST(FitButterfly, RefusesBadInput) {
  Tensor bad = identity(64);
  bad.mutable_data<double>()[64 * 3 + 5] = std::numeric_limits<double>::quiet_NaN();
  expect_error([&] { fit_butterfly(bad); }, {"fit_butterfly", "[3, 5]", "nan", "finite"});
  bad.mutable_data<double>()[64 * 3 + 5] = std::numeric_limits<double>::infinity();
  expect_error([&] { fit_butterfly(complex(bad)); }, {"[3, 5]", "inf"});
  Tensor column = Tensor::full({2, 1}, 1, DType::f64);
  column.mutable_data<double>()[1] = std::numeric_limits<double>::quiet_NaN();
  expect_error([&] { fit_butterfly(column); }, {"[1, 0]", "nan"});
  expect_error([] { fit_butterfly(Tensor::zeros({4})); }, {"[4]", "matrix"});
  expect_error([] { fit_butterfly(Tensor::zeros({0, 4})); }, {"[0, 4]"});
  expect_error([] { fit_butterfly(identity(4), {.permutation = "reversal"}); },
               {"'reversal'", "search", "bit-reversal", "abc"});
  expect_error([] { fit_butterfly(identity(4), {.index = {0, 1, 2}}); }, {"3 entries", "4"});
  expect_error([] { fit_butterfly(identity(4), {.index = {0, 1, 2, 2}}); }, {"entry 3 is 2"});
}

TEST(FitButterfly, HasTheSameBitsForEveryThreadCount) {
  const int before = threads();
  for (const char* name : {"dft", "legendre"}) {
    const Tensor matrix = target_matrix(name, 512);
    set_threads(1);
    const ButterflyFit one = fit_butterfly(matrix);
    set_threads(3);
    const ButterflyFit three = fit_butterfly(matrix);
    EXPECT_EQ(numbers(one.twiddle), numbers(three.twiddle));
    EXPECT_EQ(one.relative_error, three.relative_error);
  }
  set_threads(before);
}

}  // namespace
}  // namespace papilio
