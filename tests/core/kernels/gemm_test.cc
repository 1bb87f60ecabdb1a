#include "papilio/core/kernels/gemm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <vector>

#include "papilio/core/dtype.h"
#include "papilio/core/random.h"
#include "papilio/core/threads.h"

namespace papilio::kernels {
namespace {

constexpr Op kOps[] = {Op::none, Op::transpose, Op::conjugate, Op::adjoint};
bool transposes(Op op) { return op == Op::transpose || op == Op::adjoint; }
bool conjugates(Op op) { return op == Op::conjugate || op == Op::adjoint; }

template <class T>
std::vector<T> random_vector(int64_t size, const Rng& rng) {
  std::vector<T> values(static_cast<size_t>(size));
  for (size_t i = 0; i < values.size(); ++i) {
    if constexpr (is_complex_type<T>)
      values[i] = T(static_cast<typename T::value_type>(rng.normal(2 * i)),
                    static_cast<typename T::value_type>(rng.normal(2 * i + 1)));
    else
      values[i] = static_cast<T>(rng.normal(i));
  }
  return values;
}

template <class T>
std::complex<double> wide(T x) {
  if constexpr (is_complex_type<T>)
    return {x.real(), x.imag()};
  else
    return {x, 0};
}

template <class T>
class GemmTest : public testing::Test {};
using Types = testing::Types<float, double, std::complex<float>, std::complex<double>>;
TYPED_TEST_SUITE(GemmTest, Types);

// The largest error against the sum written out in double, relative to sqrt(k). Of a big product,
// some rows are looked at.
template <class T>
double worst_error(GemmShape s, bool with_bias) {
  const Rng rng(1);
  const int64_t a_rows = transposes(s.op_a) ? s.k : s.m, b_rows = transposes(s.op_b) ? s.n : s.k;
  const int64_t lda = s.lda ? s.lda : s.m + s.k - a_rows, ldb = s.ldb ? s.ldb : s.n + s.k - b_rows;
  const int64_t ldc = s.ldc ? s.ldc : s.n;
  const auto a = random_vector<T>(a_rows * lda, rng.split("a"));
  const auto b = random_vector<T>(b_rows * ldb, rng.split("b"));
  const auto before = random_vector<T>(s.m * ldc, rng.split("c"));
  const auto bias = random_vector<T>(s.n, rng.split("bias"));
  auto c = before;
  gemm(s, a.data(), b.data(), c.data(), with_bias ? bias.data() : nullptr);

  double worst = 0;
  for (int64_t i = 0; i<s.m; i += s.m> 150 ? 23 : 1)
    for (int64_t j = 0; j < ldc; ++j) {
      const auto at = static_cast<size_t>(i * ldc + j);
      if (j >= s.n) {
        EXPECT_EQ(c[at], before[at]) << "written beyond the row";
        continue;
      }
      std::complex<double> sum = with_bias ? wide(bias[static_cast<size_t>(j)]) : 0;
      if (s.accumulate) sum += wide(before[at]);
      for (int64_t k = 0; k < s.k; ++k) {
        const auto x = wide(a[static_cast<size_t>(transposes(s.op_a) ? k * lda + i : i * lda + k)]);
        const auto y = wide(b[static_cast<size_t>(transposes(s.op_b) ? j * ldb + k : k * ldb + j)]);
        const double xi = conjugates(s.op_a) ? -x.imag() : x.imag();
        const double yi = conjugates(s.op_b) ? -y.imag() : y.imag();
        sum += std::complex<double>{x.real() * y.real() - xi * yi, x.real() * yi + xi * y.real()};
      }
      const double error = std::abs(wide(c[at]) - sum);
      worst = std::max(worst, std::isfinite(error) ? error : HUGE_VAL);
    }
  return worst / std::sqrt(static_cast<double>(s.k) + 1);
}

template <class T>
double tolerance() {
  return sizeof(T) == 4 || std::is_same_v<T, std::complex<float>> ? 1e-5 : 1e-14;
}

struct Size {
  int64_t m, n, k;
};
constexpr Size kSizes[] = {{1, 1, 1},    {1, 40, 33},  {40, 1, 33},  {40, 33, 1},   {2, 3, 4},
                           {5, 70, 65},  {70, 5, 65},  {33, 47, 65}, {128, 64, 96}, {1, 7, 1},
                           {1, 40, 131}, {3, 70, 100}, {70, 13, 131}};

TYPED_TEST(GemmTest, AllTransposesOfAllSizes) {
  for (const auto& [m, n, k] : kSizes)
    for (const Op op_a : kOps)
      for (const Op op_b : kOps)
        EXPECT_LT(
            worst_error<TypeParam>({.m = m, .n = n, .k = k, .op_a = op_a, .op_b = op_b}, false),
            tolerance<TypeParam>())
            << m << " " << n << " " << k << " ops " << int(op_a) << " " << int(op_b);
}

TYPED_TEST(GemmTest, BiasAccumulationAndRowLengths) {
  for (const auto& [m, n, k] : kSizes)
    for (const Op op_a : {Op::none, Op::transpose})
      for (const Op op_b : {Op::none, Op::transpose})
        for (const bool accumulate : {false, true}) {
          GemmShape shape{.m = m,
                          .n = n,
                          .k = k,
                          .op_a = op_a,
                          .op_b = op_b,
                          .lda = 150,
                          .ldb = 140,
                          .ldc = 130,
                          .accumulate = accumulate};
          EXPECT_LT(worst_error<TypeParam>(shape, !accumulate), tolerance<TypeParam>())
              << m << " " << n << " " << k << " ops " << int(op_a) << " " << int(op_b);
        }
}

TYPED_TEST(GemmTest, EmptyProducts) {
  const TypeParam bias[] = {1, 2};
  TypeParam c[] = {7, 7, 7, 7};
  gemm<TypeParam>({.m = 0, .n = 2, .k = 3}, bias, bias, c);
  EXPECT_EQ(c[0], TypeParam(7));
  gemm<TypeParam>({.m = 2, .n = 2, .k = 0, .accumulate = true}, bias, bias, c);
  EXPECT_EQ(c[3], TypeParam(7));
  gemm<TypeParam>({.m = 2, .n = 2, .k = 0}, bias, bias, c, bias);
  EXPECT_EQ(c[3], TypeParam(2));
  gemm<TypeParam>({.m = 2, .n = 2, .k = 0}, bias, bias, c);
  EXPECT_EQ(c[3], TypeParam(0));
}

// Big enough for more than one thread and for every library.
TYPED_TEST(GemmTest, BigProductsOnSeveralThreads) {
  const int before = threads();
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    for (const Size& size : {Size{300, 200, 250}, Size{200, 300, 250}, Size{50, 512, 300}})
      for (const Op op_b : {Op::none, Op::transpose})
        EXPECT_LT(
            worst_error<TypeParam>({.m = size.m, .n = size.n, .k = size.k, .op_b = op_b}, true),
            tolerance<TypeParam>());
  }
  set_threads(before);
}

TYPED_TEST(GemmTest, SameBitsFromRunToRun) {
  const int before = threads();
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    for (const auto& [m, n, k] :
         {Size{1, 300, 200}, Size{50, 300, 200}, Size{300, 50, 200}, Size{40, 30, 20000}})
      for (const Op op_a : {Op::none, Op::transpose}) {
        const auto a = random_vector<TypeParam>(m * k, Rng(1)),
                   b = random_vector<TypeParam>(k * n, Rng(2));
        const GemmShape shape{.m = m, .n = n, .k = k, .op_a = op_a};
        std::vector<TypeParam> first(static_cast<size_t>(m * n)), again = first;
        gemm<TypeParam>(shape, a.data(), b.data(), first.data());
        for (int run = 0; run < 5; ++run) {
          gemm<TypeParam>(shape, a.data(), b.data(), again.data());
          EXPECT_EQ(first, again) << m << ' ' << n << ' ' << k << ' ' << count;
        }
      }
  }
  set_threads(before);
}

TEST(Gemm, RefusesSizesBeyondTheLibraries) {
  float x = 0;
  EXPECT_THROW(gemm<float>({.m = 1, .n = int64_t{1} << 31, .k = 1}, &x, &x, &x), Error);
}

TYPED_TEST(GemmTest, ColumnSumsForEveryThreadCount) {
  const int before = threads();
  for (const int64_t rows : {0, 1, 255, 256, 257, 3000}) {
    const int64_t columns = 97;
    const auto a = random_vector<TypeParam>(rows * columns, Rng(1));
    std::vector<std::complex<double>> expected(static_cast<size_t>(columns));
    for (size_t i = 0; i < a.size(); ++i) expected[i % static_cast<size_t>(columns)] += wide(a[i]);
    std::vector<TypeParam> sums(static_cast<size_t>(columns)), again = sums;
    set_threads(1);
    column_sums(rows, columns, a.data(), sums.data());
    set_threads(2);
    column_sums(rows, columns, a.data(), again.data());
    EXPECT_EQ(sums, again);
    for (size_t j = 0; j < sums.size(); ++j)
      EXPECT_LT(std::abs(wide(sums[j]) - expected[j]), 100 * tolerance<TypeParam>())
          << rows << " " << j;
  }
  set_threads(before);
}

}  // namespace
}  // namespace papilio::kernels
