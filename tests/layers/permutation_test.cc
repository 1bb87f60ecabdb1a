#include "papilio/layers/permutation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio {
namespace {

using Index = std::vector<int64_t>;

Tensor counting(int64_t n, DType dtype) {
  Tensor x({n}, DType::f64);
  for (int64_t i = 0; i < n; ++i) x.mutable_data<double>()[i] = static_cast<double>(i);
  return x.to(dtype);
}

Index moved(const Tensor& y) {
  const Tensor values = is_complex(y.dtype()) ? real(y) : y;
  Index v;
  for (const double value : numbers(values)) v.push_back(static_cast<int64_t>(value));
  return v;
}

TEST(BitReversal, IsTheKnownOrder) {
  EXPECT_EQ(bit_reversal(1), Index({0}));
  EXPECT_EQ(bit_reversal(2), Index({0, 1}));
  EXPECT_EQ(bit_reversal(8), Index({0, 4, 2, 6, 1, 5, 3, 7}));
  EXPECT_EQ(bit_reversal(16), Index({0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15}));
  EXPECT_EQ(inverse_permutation(bit_reversal(64)), bit_reversal(64));
  expect_error([] { bit_reversal(6); }, {"n = 6", "power of two"});
}

TEST(Permutation, TakesEveryDtypeAndAnyLeadingAxes) {
  const Index v = {2, 0, 3, 1};
  Permutation layer(v);
  for (const DType dtype : {DType::f32, DType::f64, DType::c64, DType::c128})
    EXPECT_EQ(moved(layer(counting(4, dtype))), v);
  EXPECT_EQ(moved(layer(reshape(counting(8, DType::f64), {2, 1, 4}))),
            Index({2, 0, 3, 1, 6, 4, 7, 5}));
  EXPECT_EQ(inverse_permutation(v), Index({1, 3, 0, 2}));
  EXPECT_EQ(layer.parameter_count(), 0);
}

TEST(Permutation, RefusesWhatIsNone) {
  expect_error([] { Permutation({0, 2, 2}); }, {"entry 2 is 2", "once"});
  expect_error([] { Permutation({0, 3, 1}); }, {"entry 1 is 3", "0 to 2"});
  expect_error([] { Permutation({0, -1}); }, {"entry 1 is -1"});
  expect_error([] { Permutation({}); }, {"permutation", "0 features"});
  expect_error([] { inverse_permutation({1, 1}); }, {"entry 1 is 1"});
}

// y = x[v] exactly, by a matrix whose 2 x 2 blocks are all I or a swap.
void expect_permutation(const Index& v, bool increasing_stride, DType dtype) {
  Butterfly layer = permutation_as_butterfly(v, increasing_stride, dtype);
  const auto n = static_cast<int64_t>(v.size());
  ASSERT_EQ(moved(layer(counting(n, dtype))), v) << "n = " << n << ", " << increasing_stride;
  EXPECT_EQ(layer.nblocks(), 2);
  EXPECT_EQ(layer.increasing_stride(), increasing_stride);
  const Tensor& t = layer.twiddle();
  const std::vector<double> entries = numbers(is_complex(dtype) ? real(t) : t);
  for (size_t m = 0; m < entries.size(); m += 4) {
    const bool swap = entries[m] == 0;
    ASSERT_EQ(entries[m], swap ? 0 : 1);
    ASSERT_EQ(entries[m + 1], swap ? 1 : 0);
    ASSERT_EQ(entries[m + 2], swap ? 1 : 0);
    ASSERT_EQ(entries[m + 3], swap ? 0 : 1);
  }
}

// Dao et al. 2020, Theorem 2 (BB*) and Lemma G.7 (B*B).
TEST(PermutationAsButterfly, HoldsForEveryPermutationOfUpTo8) {
  for (size_t n = 1; n <= 8; ++n) {
    Index v(n);
    std::iota(v.begin(), v.end(), 0);
    do {
      for (const bool increasing : {false, true}) expect_permutation(v, increasing, DType::f32);
    } while (std::next_permutation(v.begin(), v.end()));
  }
}

TEST(PermutationAsButterfly, HoldsForRandomPermutations) {
  for (const int64_t n : {8, 13, 16, 38, 64, 1000, 1024})
    for (uint64_t seed = 0; seed < 10; ++seed)
      for (const bool increasing : {false, true})
        expect_permutation(Rng(seed).split("order").permutation(n), increasing,
                           seed % 2 == 0 ? DType::f32 : DType::c128);
}

TEST(PermutationAsButterfly, HoldsForAThousandPermutationsOf1024) {
  for (uint64_t seed = 0; seed < 1000; ++seed)
    for (const bool increasing : {false, true})
      expect_permutation(Rng(seed).split("thousand").permutation(1024), increasing, DType::f32);
}

TEST(PermutationAsButterfly, RefusesWhatIsNone) {
  expect_error([] { permutation_as_butterfly({0, 0}); }, {"entry 1 is 0"});
  expect_error([] { permutation_as_butterfly({}); }, {"empty"});
}

}  // namespace
}  // namespace papilio
