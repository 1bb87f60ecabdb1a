#include "papilio/layers/entry_oracle.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <limits>

#include "papilio/layers/permutation.h"
#include "papilio/layers/root_of_unity.h"
#include "papilio/tests/core/ops/recorded_values.h"
#include "papilio/tests/layers/factorize_helpers.h"

namespace papilio {
namespace {

using Complex = std::complex<double>;

EntryOracle entries_of(const Tensor& matrix) {
  const Tensor wide = matrix.to(DType::c128);
  return entry_oracle(
      [wide](int64_t i, int64_t j) { return wide.data<Complex>()[i * wide.dim(1) + j]; });
}

Tensor dense(const OracleFit& fit, int64_t n) {
  return behind_permutation(Butterfly::from_twiddle(n, n, fit.twiddle).to_dense(), fit.index);
}

TEST(IdentifyButterfly, RecoversRandomButterflies) {
  for (const DType dtype : {DType::f64, DType::c128})
    for (int64_t n = 2; n <= 256; n *= 2)
      for (const char* init : {"ortho", "randn"})
        for (const BpPermutation& p : bp_permutations()) {
          const Tensor matrix =
              behind_permutation(random_butterfly(n, dtype, true, 9, init), index_of(p, n));
          const OracleFit fit = identify_butterfly(n, entries_of(matrix), {.dtype = dtype});
          EXPECT_LT(relative_distance(dense(fit, n), matrix), 1e-13) << n << ' ' << text(p);
          EXPECT_LT(fit.sampled_error, 1e-13);
          EXPECT_EQ(fit.twiddle.dtype(), dtype);
        }
}

TEST(IdentifyButterfly, FindsTheFourierTransformFromFewEntries) {
  const int64_t n = 4096;
  std::atomic<int64_t> asked{0};
  const EntryOracle dft = [&](auto rows, auto columns, auto values) {
    asked += static_cast<int64_t>(rows.size());
    for (size_t e = 0; e < rows.size(); ++e) values[e] = root_of_unity(-rows[e] * columns[e], n);
  };
  const OracleFit fit = identify_butterfly(n, dft);
  EXPECT_EQ(fit.index, bit_reversal(n));
  EXPECT_EQ(fit.permutation, "bit-reversal");
  EXPECT_LT(fit.sampled_error, 5e-15);
  EXPECT_EQ(fit.evaluations, asked);
  EXPECT_EQ(fit.parameters, 2 * n * 12);
  EXPECT_LE(fit.evaluations, 6 * fit.parameters);
}

TEST(IdentifyButterfly, FindsPivotsAmongZeros) {
  const int64_t n = 64;
  const OracleFit unit =
      identify_butterfly(n, entry_oracle([](int64_t i, int64_t j) { return i == j ? 2.0 : 0.0; }),
                         {.permutation = "identity", .dtype = DType::f64});
  Tensor expected = Tensor::zeros({n, n}, DType::f64);
  for (int64_t i = 0; i < n; ++i) expected.mutable_data<double>()[i * (n + 1)] = 2;
  EXPECT_LT(relative_distance(dense(unit, n), expected), 1e-14);
  const OracleFit zero = identify_butterfly(n, entry_oracle([](int64_t, int64_t) { return 0.0; }));
  EXPECT_EQ(frobenius(dense(zero, n)), 0);
  EXPECT_EQ(zero.sampled_error, 0);
}

TEST(IdentifyButterfly, SaysWhenThereIsNone) {
  const Tensor matrix = randn({64, 64}, Rng(2), DType::f64);
  EXPECT_GT(identify_butterfly(64, entries_of(matrix)).sampled_error, 0.1);
}

TEST(IdentifyButterfly, RefusesBadInput) {
  const auto ones = entry_oracle([](int64_t, int64_t) { return 1.0; });
  expect_error([&] { identify_butterfly(12, ones); }, {"n = 12", "power of two"});
  expect_error([&] { identify_butterfly(1, ones); }, {"n = 1"});
  expect_error([&] { identify_butterfly(8, {}); }, {"no oracle"});
  expect_error([&] { identify_butterfly(8, ones, {.dtype = DType::f32}); }, {"f32", "c128"});
  expect_error([&] { identify_butterfly(8, ones, {.permutation = "x"}); }, {"'x'", "search"});
  expect_error([&] { identify_butterfly(8, ones, {.index = {0, 1}}); }, {"2 entries"});
  const auto bad =
      entry_oracle([](int64_t, int64_t) { return std::numeric_limits<double>::quiet_NaN(); });
  expect_error([&] { identify_butterfly(8, bad); }, {"oracle", "nan", "finite"});
  const auto imaginary = entry_oracle([](int64_t, int64_t) { return Complex(0, 1); });
  expect_error([&] { identify_butterfly(8, imaginary, {.dtype = DType::f64}); },
               {"imaginary part 1", "c128"});
}

}  // namespace
}  // namespace papilio
