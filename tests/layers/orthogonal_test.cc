#include "papilio/layers/orthogonal.h"

#include <gtest/gtest.h>

#include <cmath>

#include "papilio/layers/bpbp.h"
#include "papilio/layers/butterfly.h"
#include "papilio/layers/kmatrix.h"
#include "papilio/layers/linear.h"
#include "papilio/layers/monarch.h"

namespace papilio {
namespace {

// The largest entry of M M^H - m I, where m is the mean of the diagonal.
double distance_from_orthogonal(const Tensor& m) {
  const Tensor wide = m.to(DType::c128);
  const int64_t n = m.dim(0), k = m.dim(1);
  const auto* v = wide.data<std::complex<double>>();
  std::vector<std::complex<double>> gram(static_cast<size_t>(n * n));
  double diagonal = 0;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) {
      auto& sum = gram[static_cast<size_t>(i * n + j)];
      for (int64_t c = 0; c < k; ++c) sum += v[i * k + c] * std::conj(v[j * k + c]);
      if (i == j) diagonal += sum.real() / static_cast<double>(n);
    }
  double largest = 0;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j)
      largest = std::max(
          largest, std::abs(gram[static_cast<size_t>(i * n + j)] - (i == j ? diagonal : 0.0)));
  return largest / diagonal;
}

template <class Layer>
void expect_orthogonal(Layer layer) {
  std::vector<double> squares;
  for (const Parameter& p : layer.parameters()) squares.push_back(sum(abs2(p)).item());
  orthogonalise(layer);
  EXPECT_LT(distance_from_orthogonal(layer.to_dense()), 1e-10) << layer.describe();
  const std::vector<Parameter> parameters = layer.parameters();
  for (size_t i = 0; i < squares.size(); ++i)
    EXPECT_NEAR(sum(abs2(parameters[i])).item(), squares[i], 1e-9 * squares[i]);
}

TEST(Orthogonalise, MakesMultiplesOfOrthogonalMatrices) {
  expect_orthogonal(Linear(9, 9, {.dtype = DType::f64}, Rng(1)));
  expect_orthogonal(Linear(9, 5, {.dtype = DType::c128}, Rng(1)));
  expect_orthogonal(Butterfly(16, 16, {.dtype = DType::f64, .nblocks = 2}, Rng(1)));
  expect_orthogonal(Butterfly(16, 16, {.dtype = DType::c128, .tied = true}, Rng(1)));
  expect_orthogonal(KMatrix(16, 16, {.dtype = DType::f64}, Rng(1)));
  expect_orthogonal(Bpbp(16, 16, {.dtype = DType::f64, .init = "randn"}, Rng(1)));
  expect_orthogonal(Monarch(16, 16, {.dtype = DType::f64}, Rng(1)));
}

TEST(Orthogonalise, LeavesShortRankAndVectorsAlone) {
  Linear layer(2, 2, {.dtype = DType::f64}, Rng(1));
  layer.parameters().front().mutable_value().assign(Tensor::full({2, 2}, 1, DType::f64));
  const auto bias = layer.bias().value().to_vector<double>();
  orthogonalise(layer);
  EXPECT_EQ(layer.weight().value().to_vector<double>(), (std::vector<double>{1, 1, 1, 1}));
  EXPECT_EQ(layer.bias().value().to_vector<double>(), bias);
}

}  // namespace
}  // namespace papilio
