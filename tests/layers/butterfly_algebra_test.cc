#include "papilio/layers/butterfly_algebra.h"

#include "papilio/core/ops.h"
#include "papilio/layers/permutation.h"
#include "papilio/layers/transforms.h"
#include "papilio/tests/core/ops/recorded_values.h"
#include "papilio/tests/layers/dense.h"

namespace papilio::testing {
namespace {

struct Form {
  int64_t in, out, nblocks;
  bool increasing;
  int64_t n = 0;
  bool tied = false;
};

Butterfly make(const Form& form, DType dtype, uint64_t seed = 1) {
  return Butterfly(form.in, form.out,
                   {.bias = false,
                    .dtype = dtype,
                    .increasing_stride = form.increasing,
                    .nblocks = form.nblocks,
                    .tied = form.tied,
                    .n = form.n},
                   Rng(seed));
}

constexpr Form kForms[] = {{1, 1, 1, true, 2},   {2, 2, 1, false},         {3, 3, 1, true},
                           {5, 7, 2, true},      {7, 5, 2, false},         {8, 8, 3, true},
                           {16, 16, 1, false},   {3, 13, 1, true, 16},     {16, 3, 3, false},
                           {13, 9, 1, true, 32}, {6, 6, 2, false, 0, true}};
constexpr Form kSquare[] = {{1, 1, 1, true},          {2, 2, 2, true},    {4, 4, 1, false},
                            {16, 16, 3, true},        {32, 32, 2, false}, {8, 8, 1, true, 0, true},
                            {8, 8, 2, false, 0, true}};

template <size_t count, class Body>
void for_each(const Form (&forms)[count], const Body& body) {
  for (const DType dtype : {DType::f64, DType::c128})
    for (const Form& form : forms) {
      Butterfly layer = make(form, dtype);
      SCOPED_TRACE(layer.describe());
      body(layer);
    }
}

Dense of(StructuredLinear& layer) { return Dense(layer.to_dense()); }
Dense of(Butterfly&& layer) { return of(layer); }

TEST(ButterflyAlgebra, DiagonalsFoldIntoTheFirstAndLastFactor) {
  for_each(kForms, [](Butterfly& layer) {
    const Tensor left = randn({layer.out_features()}, Rng(2), layer.dtype()),
                 right = randn({layer.in_features()}, Rng(3), layer.dtype());
    const Dense m = of(layer);
    expect_same(of(diagonal_times(left, layer)), diagonal(left) * m, 1e-14);
    expect_same(of(times_diagonal(layer, right)), m * diagonal(right), 1e-14);
    EXPECT_EQ(diagonal_times(left, layer).nblocks(), layer.nblocks());
  });
}

TEST(ButterflyAlgebra, ProductsAreProducts) {
  for_each(kForms, [](Butterfly& right) {
    for (const Form& form : {Form{right.out_features(), 5, 1, true, 8},
                             {right.out_features(), 4, 2, false},
                             {right.out_features(), right.in_features(), 1, false, 64}}) {
      if (form.n != 0 && form.n < right.out_features()) continue;
      Butterfly left = make(form, right.dtype(), 5);
      if (left.nstacks() > 1) continue;
      Butterfly both = product(left, right);
      expect_same(of(both), of(left) * of(right), 1e-14);
      const bool meets =
          left.increasing_stride() != (right.increasing_stride() == (right.nblocks() % 2 == 1));
      EXPECT_EQ(both.nblocks(), left.nblocks() + right.nblocks() + (meets ? 0 : 1));
    }
  });
}

TEST(ButterflyAlgebra, KroneckerProductsAreKroneckerProducts) {
  for_each(kForms, [](Butterfly& left) {
    for (const Form& form : kSquare) {
      Butterfly right = make(form, left.dtype(), 5), both = kronecker(left, right);
      SCOPED_TRACE(right.describe());
      expect_same(of(both), kronecker(of(left), of(right)), 1e-14);
      EXPECT_LE(both.nblocks(), std::max(left.nblocks(), right.nblocks()) + 1);
    }
  });
}

TEST(ButterflyAlgebra, TransposesAndConjugates) {
  for_each(kForms, [](Butterfly& layer) {
    expect_same(of(transposed(layer)), transposed(of(layer)), 1e-15);
    expect_same(of(conjugated(layer)), conjugated(of(layer)), 0);
    expect_same(of(transposed(transposed(layer))), of(layer), 0);
  });
}

TEST(ButterflyAlgebra, InversesAreInverse) {
  for (const DType dtype : {DType::f64, DType::c128})
    for (const Form& form : kSquare) {
      Butterfly layer(form.in, form.out,
                      {.bias = false,
                       .dtype = dtype,
                       .increasing_stride = form.increasing,
                       .nblocks = form.nblocks,
                       .tied = form.tied,
                       .init = "ortho"},
                      Rng(4));
      if (form.in > 1) {
        const Tensor d = rand_uniform({form.in}, 0.5, 2, Rng(9), dtype);
        layer = times_diagonal(layer, d);
      }
      SCOPED_TRACE(layer.describe());
      expect_same(of(layer) * of(inverse(layer)), identity(form.in), 1e-14);
      expect_same(of(inverse(layer)) * of(layer), identity(form.in), 1e-14);
    }
}

TEST(ButterflyAlgebra, FlippingIsConjugationByTheBitReversal) {
  for_each(kSquare, [](Butterfly& layer) {
    Butterfly turned = flipped(layer);
    EXPECT_NE(turned.increasing_stride(), layer.increasing_stride());
    Permutation reversal(bit_reversal(layer.n()), layer.dtype());
    const Dense p = of(reversal);
    expect_same(p * of(turned) * p, of(layer), 1e-14);
  });
}

TEST(ButterflyAlgebra, ExpandingKeepsTheMatrix) {
  for_each(kForms, [](Butterfly& layer) {
    for (const int64_t factor : {1, 2, 8})
      expect_same(of(expanded(layer, factor * layer.n())), of(layer), 1e-15);
    for (const BlockPosition position : {BlockPosition::first, BlockPosition::last})
      expect_same(of(with_identity_block(layer, position)), of(layer), 1e-15);
  });
}

TEST(ButterflyAlgebra, ResultsAreNewLayersOfTheDtype) {
  for (const DType dtype : {DType::f32, DType::c64}) {
    Butterfly layer = make({8, 8, 1, true}, dtype);
    const Dense m = of(layer);
    Butterfly results[] = {product(layer, layer), kronecker(layer, layer), inverse(layer)};
    for (const Butterfly& result : results) EXPECT_EQ(result.dtype(), dtype);
    Butterfly wide = converted(layer, dtype == DType::f32 ? DType::f64 : DType::c128);
    expect_same(of(wide), m, 1e-6);
    expect_same(of(converted(wide, dtype)), m, 0);
    Butterfly same = expanded(layer, 8);
    same.scale_matrix(2);
    expect_same(of(layer), m, 0);
  }
}

TEST(ButterflyAlgebra, SaysWhatDoesNotFit) {
  const auto f32 = [](const Form& form) { return make(form, DType::f32); };
  const Butterfly square = f32({4, 4, 1, true}), stacks = f32({4, 9, 1, true});
  const Butterfly biased(4, 4, {}, Rng(1));
  expect_error([&] { transposed(stacks); }, {"transposed", "3 stacks", "n of at least 9"});
  expect_error([&] { product(square, biased); }, {"product", "has a bias"});
  expect_error([&] { product(square, f32({4, 3, 1, true})); }, {"takes 4 features", "gives 3"});
  expect_error([&] { product(square, make({4, 4, 1, true}, DType::f64)); }, {"f32", "f64"});
  expect_error([&] { kronecker(square, f32({3, 3, 1, true})); }, {"not square of size n = 4"});
  expect_error([&] { flipped(f32({4, 3, 1, true})); }, {"flipped", "not square"});
  expect_error([&] { diagonal_times(Tensor::zeros({3}), square); }, {"[3] f32", "takes [4] f32"});
  expect_error([&] { diagonal_times(Tensor::zeros({1}), f32({1, 1, 1, true})); }, {"n = 2"});
  expect_error(
      [&] {
        inverse(times_diagonal(square, Tensor::from<float>({1, 1, 1, 0})));
      },
      {"singular", "block 0, factor 0, pair 1"});
  expect_error([&] { f32({8, 8, 1, true, 4}); }, {"n = 4", "at or above the 8"});
  expect_error([&] { f32({8, 8, 1, true, 12}); }, {"n = 12", "power of two"});
}

}  // namespace
}  // namespace papilio::testing
