#include "papilio/layers/kmatrix_members.h"

#include "papilio/core/gradient_check.h"
#include "papilio/core/ops.h"
#include "papilio/layers/butterfly_algebra.h"
#include "papilio/layers/kmatrix_algebra.h"
#include "papilio/layers/permutation.h"
#include "papilio/layers/target_matrix.h"
#include "papilio/layers/transforms.h"
#include "papilio/tests/core/ops/recorded_values.h"
#include "papilio/tests/layers/dense.h"

namespace papilio::testing {
namespace {

using Complex = std::complex<double>;

Dense of(StructuredLinear& layer) { return Dense(layer.to_dense()); }
Dense of(KMatrix&& layer) { return of(layer); }

// `count` numbers at random places of a matrix of zeros.
Tensor sparse_matrix(int64_t out, int64_t in, int64_t count, DType dtype, uint64_t seed) {
  std::vector<Complex> values(static_cast<size_t>(out * in), 0);
  const auto order = Rng(seed).permutation(out * in);
  const Rng rng = Rng(seed).split("values");
  for (int64_t k = 0; k < count; ++k)
    values[static_cast<size_t>(order[static_cast<size_t>(k)])] = {
        rng.normal(static_cast<uint64_t>(2 * k)),
        is_complex(dtype) ? rng.normal(static_cast<uint64_t>(2 * k + 1)) : 0};
  const Tensor wide = Tensor::from(values, {out, in});
  return is_complex(dtype) ? wide : real(wide);
}

struct Sizes {
  int64_t out, in;
  int64_t n() const {
    int64_t n = 2;
    while (n < std::max(out, in)) n *= 2;
    return n;
  }
};
constexpr Sizes kSizes[] = {{1, 1}, {2, 2},   {3, 3},   {4, 4}, {5, 8},
                            {8, 5}, {13, 13}, {16, 16}, {1, 9}, {9, 1}};

TEST(KMatrixMembers, MatricesWithAtMostNNumbersHaveWidth4) {
  for (const DType dtype : {DType::f64, DType::c128})
    for (const Sizes& sizes : kSizes)
      for (uint64_t seed = 0; seed < 10; ++seed) {
        const int64_t most = std::min(sizes.n(), sizes.out * sizes.in);
        const int64_t count = seed == 0 ? 0 : seed < 6 ? most : 1 + (most - 1) / 2;
        const Tensor matrix = sparse_matrix(sizes.out, sizes.in, count, dtype, seed);
        KMatrix layer = sparse_as_kmatrix(matrix);
        SCOPED_TRACE(concat(layer.describe(), " ", count));
        EXPECT_EQ(layer.width(), 4);
        EXPECT_EQ(layer.n(), sizes.n());
        expect_same(of(layer), Dense(matrix), 1e-15);
      }
}

TEST(KMatrixMembers, StepMatricesTakeRowsAndColumnsThatAreFull) {
  for (const bool row : {true, false}) {
    std::vector<double> values(64, 0);
    for (size_t i = 0; i < 8; ++i) values[row ? 3 * 8 + i : i * 8 + 3] = static_cast<double>(i + 1);
    const Tensor matrix = Tensor::from(values, {8, 8});
    expect_same(of(sparse_as_kmatrix(matrix)), Dense(matrix), 1e-15);
  }
}

TEST(KMatrixMembers, SparseMatricesHaveFourTimesTheirDensityAsWidth) {
  for (const DType dtype : {DType::f64, DType::c128})
    for (const Sizes& sizes : {Sizes{4, 4}, {5, 7}, {16, 9}})
      for (const int64_t count : {sizes.n() + 1, 2 * sizes.n(), sizes.out * sizes.in}) {
        if (count > sizes.out * sizes.in) continue;
        const Tensor matrix = sparse_matrix(sizes.out, sizes.in, count, dtype, 3);
        KMatrix layer = sparse_as_kmatrix(matrix);
        SCOPED_TRACE(layer.describe());
        EXPECT_EQ(layer.width(), 4 * ((count + sizes.n() - 1) / sizes.n()));
        EXPECT_EQ(layer.n(), 4 * sizes.n());
        expect_same(of(layer), Dense(matrix), 1e-15);
      }
}

TEST(KMatrixMembers, LowRankMatricesHaveWidth8Times) {
  for (const DType dtype : {DType::f64, DType::c128})
    for (const Sizes& sizes : kSizes)
      for (const int64_t rank : {1, 2, 3}) {
        const Tensor left = randn({sizes.out, rank}, Rng(1), dtype),
                     right = randn({sizes.in, rank}, Rng(2), dtype);
        KMatrix layer = low_rank_as_kmatrix(left, right);
        SCOPED_TRACE(layer.describe());
        EXPECT_EQ(layer.width(), 8 * rank);
        EXPECT_EQ(layer.n(), (rank == 1 ? 1 : 4) * sizes.n());
        expect_same(of(layer), Dense(left) * transposed(Dense(right)), 1e-15);
      }
}

TEST(KMatrixMembers, HouseholderReflectionsAreOneUnit) {
  for (const DType dtype : {DType::f64, DType::c128})
    for (const int64_t n : {1, 2, 3, 4, 7, 8, 13, 100, 256}) {
      Tensor u = randn({n}, Rng(1), dtype);
      KMatrix layer = householder_as_kmatrix(u);
      SCOPED_TRACE(layer.describe());
      EXPECT_EQ(layer.width(), 1);
      EXPECT_EQ(layer.orthogonal(), dtype == DType::f64);
      const auto v = u.to(DType::c128).to_vector<Complex>();
      double square = 0;
      for (const Complex& value : v) square += std::norm(value);
      expect_same(of(layer),
                  dense(n, n,
                        [&](int64_t i, int64_t j) {
                          return (i == j ? 1.0 : 0.0) - 2.0 / square * v[static_cast<size_t>(i)] *
                                                            std::conj(v[static_cast<size_t>(j)]);
                        }),
                  1e-14);
    }
  // Halves of zeros, and negative numbers.
  expect_same(of(householder_as_kmatrix(Tensor::from<double>({0, 0, 0, -2}))),
              diagonal(Tensor::from<double>({1, 1, 1, -1})), 1e-15);
}

KMatrix random(const Sizes& sizes, int64_t width, int64_t expansion, DType dtype, uint64_t seed) {
  return KMatrix(sizes.in, sizes.out,
                 {.width = width, .expansion = expansion, .bias = false, .dtype = dtype},
                 Rng(seed));
}

TEST(KMatrixMembers, ProductsAddWidths) {
  for (const DType dtype : {DType::f64, DType::c128})
    for (const Sizes& sizes : {Sizes{4, 4}, {3, 5}, {8, 7}, {2, 2}}) {
      KMatrix right = random(sizes, 1, 2, dtype, 1), left = random({7, sizes.out}, 2, 4, dtype, 2);
      KMatrix both = product(left, right);
      SCOPED_TRACE(both.describe());
      EXPECT_EQ(both.width(), 3);
      EXPECT_EQ(both.n(), std::max(left.n(), right.n()));
      expect_same(of(both), of(left) * of(right), 1e-14);
    }
}

TEST(KMatrixMembers, SumsAddWidthsOnFourTimesTheSize) {
  for (const DType dtype : {DType::f64, DType::c128})
    for (const Sizes& sizes : {Sizes{4, 4}, {3, 5}, {8, 7}, {2, 2}})
      for (const size_t count : {1, 2, 3}) {
        std::vector<KMatrix> members;
        Dense expected(sizes.out, sizes.in);
        int64_t width = 0, n = 0;
        for (size_t i = 0; i < count; ++i) {
          const int64_t expansion = sizes.n() > sizes.in ? 2 << i % 2 : 1 << i % 2;
          members.push_back(random(sizes, 1 + static_cast<int64_t>(i), expansion, dtype, i));
          expected = expected + of(members.back());
          width += members.back().width();
          n = std::max(n, members.back().n());
        }
        KMatrix total = sum(members);
        SCOPED_TRACE(total.describe());
        EXPECT_EQ(total.width(), width);
        EXPECT_EQ(total.n(), 4 * n);
        expect_same(of(total), expected, 1e-14);
      }
}

TEST(KMatrixMembers, KroneckerProductsStayBelowTheBound) {
  for (const DType dtype : {DType::f64, DType::c128})
    for (const Sizes& a : {Sizes{4, 4}, {3, 5}, {1, 1}, {2, 3}})
      for (const Sizes& b : {Sizes{4, 4}, {2, 3}, {8, 8}, {3, 2}}) {
        KMatrix left = random(a, 2, 2, dtype, 1),
                right = random(b, 1, b.out > b.in ? 2 : 1, dtype, 2);
        KMatrix both = kronecker(left, right);
        SCOPED_TRACE(both.describe());
        EXPECT_LE(both.width(), left.width() + right.width() + 6);
        EXPECT_EQ(both.n(), left.n() * right.n());
        expect_same(of(both), kronecker(of(left), of(right)), 1e-14);
      }
}

TEST(KMatrixMembers, HoldOrthogonalOnesToo) {
  const KMatrix reflection = householder_as_kmatrix(randn({8}, Rng(1), DType::f64));
  KMatrix twice = product(reflection, reflection);
  expect_same(of(twice), identity(8), 1e-14);
}

// Dao et al. 2020: the discrete Fourier transform is in (BB*)^2, the Hadamard transform in BB*.
TEST(KMatrixMembers, HoldTheKnownTransforms) {
  for (const int64_t n : {2, 8, 64}) {
    Product transform = fft(n, {.norm = Norm::ortho, .dtype = DType::f64});
    auto& block = dynamic_cast<Butterfly&>(transform[0]);  // decreasing, then a bit reversal
    KMatrix fourier =
        as_kmatrix(product(permutation_as_butterfly(bit_reversal(n), false, DType::c128), block));
    EXPECT_EQ(fourier.width(), 2);
    EXPECT_EQ(fourier.expansion(), 1);
    expect_same(of(fourier), Dense(target_matrix("dft", n)));
    KMatrix walsh = as_kmatrix(hadamard(n, {.norm = Norm::ortho, .dtype = DType::f64}));
    EXPECT_EQ(walsh.width(), 1);
    expect_same(of(walsh), Dense(target_matrix("hadamard", n)));
  }
}

TEST(KMatrixMembers, Train) {
  KMatrix layer = sparse_as_kmatrix(sparse_matrix(6, 5, 8, DType::f64, 1));
  const Tensor x = randn({2, 5}, Rng(3), DType::f64);
  const auto report = check_parameter_gradient([&] { return layer(x); }, layer.parameters());
  EXPECT_TRUE(report.ok) << report.message;
}

TEST(KMatrixMembers, SayWhatDoesNotFit) {
  const KMatrix small = random({4, 4}, 1, 1, DType::f32, 1),
                wide = random({4, 8}, 1, 1, DType::f32, 1);
  const KMatrix stacks = random({9, 4}, 1, 1, DType::f32, 1);
  expect_error([&] { product(small, stacks); }, {"3 stacks", "at least 9"});
  const std::vector<KMatrix> none;
  expect_error([&] { sum(none); }, {"no K-matrices"});
  expect_error([&] { product(wide, small); }, {"takes 8 features", "gives 4"});
  expect_error([&] { householder_as_kmatrix(Tensor::zeros({4})); }, {"norm 0"});
  expect_error(
      [&] {
        low_rank_as_kmatrix(Tensor::zeros({4, 2}), Tensor::zeros({4, 3}));
      },
      {"[4, 2]", "[4, 3]", "[out, r]"});
  expect_error(
      [&] {
        KMatrix::from_twiddle(4, 4, Tensor::zeros({1, 2, 2, 4, 2, 2}));
      },
      {"kmatrix", "[1, 2, 2, 4, 2, 2]"});
}

}  // namespace
}  // namespace papilio::testing
