#include "papilio/layers/baselines.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "papilio/layers/target_matrix.h"
#include "papilio/tests/core/ops/recorded_values.h"
#include "papilio/tests/layers/factorize_helpers.h"

namespace papilio {
namespace {

// Table of Dao et al. 2019, recorded from the data of its heat map.
TEST(Baselines, AreThoseOfThePaper) {
  struct Row {
    const char* name;
    int64_t n;
    double sparse, low_rank;
  };
  for (const auto& [name, n, sparse, low_rank] :
       {Row{"dct", 8, 1.07e-1, 3.95e-1}, Row{"dct", 64, 1.43e-1, 1.68e-1},
        Row{"hadamard", 64, 1.13e-1, 1.19e-1}, Row{"legendre", 8, 1.90e-2, 6.35e-2},
        Row{"legendre", 64, 1.19e-2, 1.57e-2}, Row{"legendre", 256, 4.11e-3, 4.96e-3},
        Row{"hartley", 256, 5.85e-2, 6.15e-2}}) {
    const Tensor matrix = target_matrix(name, n);
    const int64_t budget = butterfly_budget(n);
    EXPECT_NEAR(sparse_baseline(matrix, budget).rmse / sparse, 1, 6e-3) << name << ' ' << n;
    const Baseline other = low_rank_baseline(matrix, budget);
    EXPECT_NEAR(other.rmse / low_rank, 1, 6e-3) << name << ' ' << n;
    EXPECT_EQ(other.rank, static_cast<int64_t>(std::log2(n)));
    EXPECT_LE(other.parameters, budget);
  }
}

TEST(Baselines, OfOrthogonalMatricesHaveClosedForms) {
  for (const int64_t n : {16, 128}) {
    const double log_n = std::log2(static_cast<double>(n)), size = static_cast<double>(n);
    const Tensor dft = target_matrix("dft", n);
    EXPECT_NEAR(low_rank_baseline(dft, butterfly_budget(n)).rmse, std::sqrt(size - log_n) / size,
                1e-12);
    EXPECT_NEAR(sparse_baseline(dft, butterfly_budget(n)).rmse, std::sqrt(size - 2 * log_n) / size,
                1e-12);
  }
}

TEST(Baselines, FindWhatIsThere) {
  const int64_t n = 40;
  const Tensor low = matmul(randn({n, 2}, Rng(1), DType::f64), randn({2, n}, Rng(2), DType::f64));
  Tensor spikes = Tensor::zeros({n, n}, DType::f64);
  for (int64_t e = 0; e < 30; ++e) spikes.mutable_data<double>()[e * 53] = e % 2 == 0 ? 40 : -40;
  EXPECT_LT(low_rank_baseline(low, 160).relative_error, 1e-12);
  EXPECT_EQ(sparse_baseline(spikes, 30).relative_error, 0);
  const Tensor sum = add(low, spikes);
  const Baseline both = sparse_plus_low_rank_baseline(sum, 160 + 30);
  EXPECT_EQ(both.rank, 2);
  EXPECT_LT(both.relative_error, 0.02);
  EXPECT_GT(sparse_baseline(sum, 190).relative_error, 0.1);
  EXPECT_GT(low_rank_baseline(sum, 190).relative_error, 0.1);
  EXPECT_LE(both.parameters, 190);
}

TEST(Baselines, AreNeverWorseTogether) {
  for (const char* name : {"dft", "convolution", "legendre", "randn", "hilbert"})
    for (const int64_t n : {8, 32, 64}) {
      const Tensor matrix = target_matrix(name, n);
      const int64_t budget = butterfly_budget(n);
      const Baseline both = sparse_plus_low_rank_baseline(matrix, budget);
      EXPECT_LE(both.rmse, sparse_baseline(matrix, budget).rmse);
      EXPECT_LE(both.rmse, low_rank_baseline(matrix, budget).rmse);
      EXPECT_LE(both.parameters, budget);
    }
}

TEST(Baselines, TakeEdges) {
  const Tensor matrix = randn({3, 5}, Rng(1), DType::f64);
  EXPECT_DOUBLE_EQ(sparse_baseline(matrix, 0).relative_error, 1);
  EXPECT_EQ(sparse_baseline(matrix, 100).relative_error, 0);
  EXPECT_LT(low_rank_baseline(matrix, 100).relative_error, 1e-14);
  EXPECT_DOUBLE_EQ(low_rank_baseline(matrix, 7).relative_error, 1);
  EXPECT_NEAR(sparse_baseline(scale(matrix, 1e-200), 4).rmse * 1e200,
              sparse_baseline(matrix, 4).rmse, 1e-12);
  const Tensor zero = Tensor::zeros({4, 4}, DType::c64);
  EXPECT_EQ(sparse_plus_low_rank_baseline(zero, 8).relative_error, 0);
  expect_error([&] { sparse_baseline(matrix, -1); }, {"sparse_baseline", "-1"});
  expect_error([] { low_rank_baseline(Tensor::zeros({3}), 1); }, {"[3]"});
  expect_error([] { low_rank_baseline(Tensor::zeros({0, 3}), 1); }, {"[0, 3]"});
  Tensor bad = matrix.clone();
  bad.mutable_data<double>()[7] = std::numeric_limits<double>::quiet_NaN();
  expect_error([&] { sparse_plus_low_rank_baseline(bad, 4); }, {"[1, 2]", "nan"});
}

}  // namespace
}  // namespace papilio
