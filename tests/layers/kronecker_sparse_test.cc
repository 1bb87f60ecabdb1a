#include "papilio/layers/kronecker_sparse.h"

#include <gtest/gtest.h>

#include <limits>

#include "papilio/core/random.h"
#include "papilio/tests/core/ops/recorded_values.h"
#include "papilio/tests/layers/factorize_helpers.h"

namespace papilio {
namespace {

using Chain = std::vector<KroneckerPattern>;

std::vector<KroneckerFactor> random_factors(const Chain& chain, DType dtype, uint64_t seed = 1) {
  std::vector<KroneckerFactor> factors;
  for (const KroneckerPattern& p : chain)
    factors.push_back({p, randn({p.a, p.d, p.b, p.c}, Rng(seed).split(factors.size()), dtype)});
  return factors;
}

// By the definition of the support.
Tensor dense_factor(const KroneckerFactor& f) {
  const KroneckerPattern& p = f.pattern;
  Tensor result = Tensor::zeros({p.rows(), p.columns()}, DType::f64);
  for (int64_t i = 0; i < p.a; ++i)
    for (int64_t k = 0; k < p.d; ++k)
      for (int64_t r = 0; r < p.b; ++r)
        for (int64_t s = 0; s < p.c; ++s)
          result.mutable_data<double>()[((i * p.b + r) * p.d + k) * p.columns() +
                                        (i * p.c + s) * p.d + k] =
              f.values.data<double>()[((i * p.d + k) * p.b + r) * p.c + s];
  return result;
}

TEST(KroneckerPattern, ChainsGiveTheirRank) {
  EXPECT_EQ(butterfly_chain(8), Chain({{1, 2, 2, 4}, {2, 2, 2, 2}, {4, 2, 2, 1}}));
  EXPECT_EQ(radix_chain({4, 4}, {4, 4}), Chain({{1, 4, 4, 4}, {4, 4, 4, 1}}));
  EXPECT_EQ(radix_chain({3, 2}, {5, 4}, 2), Chain({{1, 3, 10, 2}, {5, 4, 4, 1}}));
  EXPECT_EQ(block_rank({1, 2, 2, 4}, {2, 2, 2, 2}), 1);
  EXPECT_EQ(block_rank({1, 3, 10, 2}, {5, 4, 4, 1}), 2);
  EXPECT_EQ(product_pattern({1, 2, 2, 4}, {2, 2, 2, 2}), (KroneckerPattern{1, 4, 4, 2}));
  EXPECT_EQ(text(KroneckerPattern{1, 2, 3, 4}), "(1, 2, 3, 4)");
  expect_error(
      [] {
        block_rank({1, 2, 2, 3}, {2, 2, 2, 2});
      },
      {"(1, 2, 2, 3)", "(2, 2, 2, 2)", "chainable"});
  expect_error([] { butterfly_chain(6); }, {"n = 6"});
  expect_error([] { butterfly_chain(1); }, {"n = 1"});
  expect_error([] { radix_chain({2}, {2, 2}); }, {"1 and 2 radices"});
  expect_error([] { radix_chain({2, 0}, {2, 2}); }, {"at least 1"});
}

TEST(KroneckerFactor, ProductsAreThoseOfTheirMatrices) {
  for (const Chain& chain :
       {butterfly_chain(8), radix_chain({3, 2}, {5, 4}, 2), radix_chain({2, 3, 2}, {3, 1, 2}, 3),
        Chain{{2, 3, 4, 4}, {4, 4, 3, 2}}}) {
    const auto factors = random_factors(chain, DType::f64);
    Tensor expected = dense_factor(factors[0]);
    for (size_t l = 1; l < factors.size(); ++l)
      expected = matmul(expected, dense_factor(factors[l]));
    EXPECT_LT(relative_distance(dense_matrix(factors), expected), 1e-14);
  }
}

struct Case {
  const char* name;
  Chain chain;
};
const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"one factor", {{1, 5, 7, 1}}},
      {"one sparse factor", {{2, 3, 4, 5}}},
      {"butterfly", butterfly_chain(64)},
      {"Monarch", radix_chain({16, 16}, {16, 16})},
      {"rectangular Monarch", radix_chain({6, 10}, {7, 8})},
      {"Monarch of rank 3", radix_chain({8, 8}, {8, 8}, 3)},
      {"radix 4", radix_chain({4, 4, 4}, {4, 4, 4})},
      {"mixed radix", radix_chain({2, 3, 5, 2}, {3, 2, 2, 5})},
      {"rank 2", radix_chain({4, 4, 4}, {4, 4, 4}, 2)},
      {"rectangular rank 2", radix_chain({3, 4, 5}, {4, 3, 3}, 2)},
      {"large blocks of rank 2", radix_chain({40, 3}, {3, 50}, 2)},
      {"repeated", {{2, 4, 4, 4}, {8, 4, 4, 1}}},
      {"interleaved", {{1, 4, 4, 8}, {4, 4, 4, 2}}}};
  return all;
}

TEST(FitKroneckerSparse, RecoversProducts) {
  for (const auto& [name, chain] : cases())
    for (const DType dtype : {DType::f64, DType::c128})
      for (const bool left_to_right : {false, true})
        for (const bool orthonormal : {false, true}) {
          const Tensor matrix = dense_matrix(random_factors(chain, dtype));
          const KroneckerFit fit = fit_kronecker_sparse(
              matrix, chain, {.left_to_right = left_to_right, .orthonormal = orthonormal});
          EXPECT_LT(fit.relative_error, 1e-14) << name;
          EXPECT_LE(fit.lower_bound, fit.relative_error) << name;
          EXPECT_EQ(fit.bound > 0, orthonormal) << name;
          ASSERT_EQ(fit.factors.size(), chain.size());
          for (size_t l = 0; l < chain.size(); ++l) EXPECT_EQ(fit.factors[l].pattern, chain[l]);
          EXPECT_LT(relative_distance(dense_matrix(fit.factors), matrix), 1e-14) << name;
        }
}

TEST(FitKroneckerSparse, KnowsItsErrorOnAnyMatrix) {
  for (const auto& [name, chain] : cases())
    for (const DType dtype : {DType::f64, DType::c128}) {
      const Tensor matrix = randn({chain.front().rows(), chain.back().columns()}, Rng(4), dtype);
      const KroneckerFit fit = fit_kronecker_sparse(matrix, chain);
      EXPECT_NEAR(relative_distance(dense_matrix(fit.factors), matrix), fit.relative_error, 1e-12)
          << name;
      EXPECT_LE(fit.lower_bound, fit.relative_error) << name;
      EXPECT_LE(fit.relative_error, fit.bound * 1.0) << name;
    }
}

// Two factors: each block's best approximation is the best product.
TEST(FitKroneckerSparse, IsOptimalForTwoFactors) {
  const Chain chain = radix_chain({8, 8}, {8, 8}, 2);
  const Tensor matrix = randn({64, 64}, Rng(4), DType::f64);
  const KroneckerFit fit = fit_kronecker_sparse(matrix, chain);
  EXPECT_NEAR(fit.relative_error, fit.lower_bound, 1e-9);
  EXPECT_EQ(fit.bound, 1);
}

TEST(FitKroneckerSparse, RefusesBadInput) {
  const Chain chain = butterfly_chain(8);
  expect_error(
      [&] {
        fit_kronecker_sparse(Tensor::zeros({8, 7}), chain);
      },
      {"[8, 7]", "(1, 2, 2, 4)", "[8, 8]"});
  expect_error([&] { fit_kronecker_sparse(Tensor::zeros({8}), chain); }, {"[8]"});
  expect_error([] { fit_kronecker_sparse(Tensor::zeros({8, 8}), {}); }, {"no patterns"});
  expect_error(
      [] {
        fit_kronecker_sparse(Tensor::zeros({8, 8}), {{1, 8, 0, 1}});
      },
      {"(1, 8, 0, 1)", "at least 1"});
  expect_error(
      [] {
        fit_kronecker_sparse(Tensor::zeros({8, 8}), {{1, 2, 2, 4}, {4, 2, 2, 1}});
      },
      {"chainable"});
  Tensor bad = Tensor::zeros({8, 8}, DType::f64);
  bad.mutable_data<double>()[11] = -std::numeric_limits<double>::infinity();
  expect_error([&] { fit_kronecker_sparse(bad, chain); }, {"[1, 3]", "inf"});
  const KroneckerFactor cut{{1, 2, 2, 4}, Tensor::zeros({1, 4, 2, 1}, DType::f64)};
  expect_error([&] { dense_matrix({cut}); }, {"(1, 2, 2, 4)", "[1, 4, 2, 1]", "[1, 4, 2, 2]"});
  expect_error([&] { multiply(cut, cut); }, {"[1, 4, 2, 2]"});
  const KroneckerFit zero = fit_kronecker_sparse(Tensor::zeros({8, 8}, DType::f64), chain);
  EXPECT_EQ(zero.relative_error, 0);
  EXPECT_EQ(frobenius(dense_matrix(zero.factors)), 0);
}

}  // namespace
}  // namespace papilio
