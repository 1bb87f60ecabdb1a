#include "papilio/layers/convolutions.h"

#include <cmath>

#include "papilio/core/gradient_check.h"
#include "papilio/core/ops.h"
#include "papilio/models/checkpoint.h"
#include "papilio/tests/core/ops/recorded_values.h"
#include "papilio/tests/layers/dense.h"
#include "papilio/tests/layers/transform_reference.h"
#include "papilio/tests/models/toy.h"

namespace papilio::testing {
namespace {

using Complex = std::complex<double>;

Dense of(StructuredLinear& layer) { return Dense(layer.to_dense()); }
std::vector<Complex> values(const Tensor& t) { return t.to(DType::c128).to_vector<Complex>(); }
size_t at(int64_t i) { return static_cast<size_t>(i); }

TEST(Circulant, AgreesWithItsDefinition) {
  for (const DType dtype : {DType::f64, DType::c128})
    for (const int64_t n : {1, 2, 3, 4, 7, 8, 13, 16, 33, 100, 256}) {
      SCOPED_TRACE(n);
      const Tensor c = randn({n}, Rng(1), dtype);
      Product layer = circulant(c);
      EXPECT_EQ(layer.dtype(), dtype);
      expect_same(of(layer), dense(n, n, [&, v = values(c)](int64_t j, int64_t k) {
                    return v[at((j - k + n) % n)];
                  }));
    }
}

TEST(Toeplitz, AgreesWithItsDefinition) {
  for (const DType dtype : {DType::f64, DType::c128})
    for (const auto& [out, in] : {std::pair<int64_t, int64_t>{1, 1},
                                  {1, 5},
                                  {5, 1},
                                  {2, 2},
                                  {13, 38},
                                  {27, 11},
                                  {64, 64},
                                  {100, 3}}) {
      SCOPED_TRACE(concat(out, " ", in));
      const Tensor c = randn({out}, Rng(1), dtype), r = randn({in}, Rng(2), dtype);
      Product layer = toeplitz(c, r);
      expect_same(of(layer),
                  dense(out, in, [&, u = values(c), v = values(r)](int64_t j, int64_t k) {
                    return j >= k ? u[at(j - k)] : v[at(k - j)];
                  }));
    }
}

TEST(Circulant, AndToeplitzAgreeWithScipy) {
  int seen = 0;
  for (const auto& [name, n, y] : recorded_transforms()) {
    const Tensor c = fill({n}, 7, 1, 11), r = fill({n}, 3, 1, 11), x = fill({n}, 5, 2, 13);
    SCOPED_TRACE(concat(name, " ", n));
    if (name == "circulant") ++seen, expect_numbers(circulant(c)(x), y, 1e-13);
    if (name == "toeplitz") ++seen, expect_numbers(toeplitz(c, r)(x), y, 1e-13);
  }
  EXPECT_EQ(seen, 12);
}

// y[t, o] of the formula in the header.
TEST(Convolution1d, AgreesWithItsDefinition) {
  for (const DType dtype : {DType::f64, DType::c128})
    for (const int64_t n : {1, 3, 7, 8, 13, 16})
      for (const int64_t kernel : {1, 3, 5, 7})
        for (const auto& [in, out] : {std::pair<int64_t, int64_t>{1, 1}, {3, 4}, {2, 1}, {1, 2}}) {
          if (kernel > n) continue;
          SCOPED_TRACE(concat(n, " ", kernel, " ", in, " ", out));
          const Tensor w = randn({out, in, kernel}, Rng(1), dtype);
          Product layer = conv1d_circular(w, n);
          Dense expected(n * out, n * in);
          for (int64_t t = 0; t < n; ++t)
            for (int64_t o = 0; o < out; ++o)
              for (int64_t i = 0; i < in; ++i)
                for (int64_t d = 0; d < kernel; ++d)
                  expected(t * out + o, (t + d - (kernel - 1) / 2 + n) % n * in + i) +=
                      values(w)[at((o * in + i) * kernel + d)];
          expect_same(of(layer), expected);
        }
}

TEST(Convolution2d, AgreesWithItsDefinition) {
  struct Case {
    int64_t h, w, kh, kw, in, out;
  };
  for (const Case& c : {Case{8, 4, 3, 3, 3, 4},
                        {5, 6, 3, 5, 2, 1},
                        {7, 7, 7, 1, 1, 2},
                        {4, 3, 1, 3, 1, 1},
                        {1, 5, 1, 3, 2, 2}}) {
    SCOPED_TRACE(concat(c.h, " ", c.w));
    const Tensor weight = randn({c.out, c.in, c.kh, c.kw}, Rng(1), DType::f64);
    Product layer = conv2d_circular(weight, c.h, c.w);
    Dense expected(c.h * c.w * c.out, c.h * c.w * c.in);
    for (int64_t y = 0; y < c.h; ++y)
      for (int64_t x = 0; x < c.w; ++x)
        for (int64_t o = 0; o < c.out; ++o)
          for (int64_t i = 0; i < c.in; ++i)
            for (int64_t a = 0; a < c.kh; ++a)
              for (int64_t b = 0; b < c.kw; ++b) {
                const int64_t from =
                    (y + a - c.kh / 2 + c.h) % c.h * c.w + (x + b - c.kw / 2 + c.w) % c.w;
                expected((y * c.w + x) * c.out + o, from * c.in + i) +=
                    values(weight)[at(((o * c.in + i) * c.kh + a) * c.kw + b)];
              }
    expect_same(of(layer), expected);
  }
}

// The library's own convolution on an image whose edges are wrapped by hand.
TEST(Convolution2d, AgreesWithConv2dOfAWrappedImage) {
  const int64_t n = 8;
  const Tensor weight = randn({4, 3, 3, 3}, Rng(1), DType::f64);
  const Tensor x = randn({2, n, n, 3}, Rng(2), DType::f64);
  const auto wrap = [](const Tensor& t, int64_t axis) {
    return concat({slice(t, axis, t.dim(axis) - 1, t.dim(axis)), t, slice(t, axis, 0, 1)}, axis);
  };
  const Tensor expected = conv2d(wrap(wrap(x, 1), 2), weight);
  Product layer = conv2d_circular(weight, n, n);
  expect_numbers(layer(reshape(x, {2, n * n * 3})), numbers(expected), 1e-13);
}

TEST(Convolutions, TrainSaveAndLoad) {
  const TemporaryFolder folder;
  const Tensor c = randn({5}, Rng(1), DType::f64);
  Product layers[] = {circulant(c), toeplitz(c, randn({3}, Rng(2), DType::f64)),
                      conv1d_circular(randn({2, 3, 3}, Rng(3), DType::f64), 5),
                      conv2d_circular(randn({2, 2, 3, 1}, Rng(4), DType::f64), 3, 2)};
  for (Product& layer : layers) {
    SCOPED_TRACE(layer.describe());
    const Tensor x = randn({2, layer.in_features()}, Rng(3), layer.dtype());
    const auto report = check_parameter_gradient([&] { return layer(x); }, layer.parameters());
    EXPECT_TRUE(report.ok) << report.message;
    save(layer, folder / "layer");
    EXPECT_EQ(numbers((*models::load(folder / "layer"))(x)), numbers(layer(x)));
  }
}

TEST(Convolutions, SayWhatIsNotPossible) {
  expect_error([] { circulant(Tensor::zeros({2, 2})); }, {"circulant", "[2, 2]", "[n]"});
  expect_error([] { toeplitz(Tensor::zeros({2}), Tensor::zeros({2}, DType::f64)); },
               {"toeplitz", "one dtype"});
  expect_error([] { conv1d_circular(Tensor::zeros({1, 1, 2}), 8); }, {"kernel of 2", "odd"});
  expect_error([] { conv1d_circular(Tensor::zeros({1, 1, 5}), 4); }, {"kernel of 5 on 4"});
  expect_error([] { conv2d_circular(Tensor::zeros({1, 1, 3}), 4, 4); }, {"[out, in, kh, kw]"});
}

}  // namespace
}  // namespace papilio::testing
