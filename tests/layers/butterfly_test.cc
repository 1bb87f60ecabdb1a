#include "papilio/layers/butterfly.h"

#include <gtest/gtest.h>

#include <numbers>

#include "papilio/core/gradient_check.h"
#include "papilio/layers/bpbp.h"
#include "papilio/layers/factory.h"
#include "papilio/layers/kmatrix.h"
#include "papilio/layers/linear.h"
#include "papilio/layers/permutation.h"
#include "papilio/layers/twiddle.h"
#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio {
namespace {

using Complex = std::complex<double>;

// ---- Golden vectors, reference 1.13

Tensor tensor(const std::vector<Complex>& values, const Shape& shape, bool complex) {
  const Tensor z = Tensor::from(values, shape);
  return complex ? z : real(z);
}

struct Golden {
  const char* name;
  int64_t n, nblocks;
  bool increasing;
  std::function<Complex(int j)> twiddle;
  std::vector<Complex> x, y;
  std::vector<Complex> dy = {}, dx = {}, dtwiddle = {};
  bool complex = false;
};

Complex counting(int j) { return j + 1; }
Complex sevens(int j) { return 7 * j % 5 - 2; }
Complex crossed(int j) { return {j % 3 - 1.0, j % 4 - 2.0}; }

std::vector<Complex> sparse(size_t size, const std::vector<std::pair<size_t, double>>& entries) {
  std::vector<Complex> all(size);
  for (const auto& [i, value] : entries) all[i] = value;
  return all;
}

std::vector<Golden> golden_vectors() {
  using namespace std::complex_literals;
  return {
      {"G1_decreasing", 4, 1, false, counting, {1, 2, 3, 4}, {403, 485, 839, 961}},
      {"G2",
       4,
       1,
       true,
       counting,
       {1, 2, 3, 4},
       {435, 885, 523, 1013},
       {1, 2, 3, 4},
       {300, 428, 874, 1012},
       {42, 84, 86, 172, 138, 184, 276, 368, 5, 39, 15, 117, 22, 106, 44, 212}},
      {"G3_increasing", 4, 2, true, sevens, {1, 2, 3, 4}, {-24, 32, -7, -14}},
      {"G3_decreasing", 4, 2, false, sevens, {1, 2, 3, 4}, {-32, -11, 40, -16}},
      {"G4_increasing",
       8,
       1,
       true,
       sevens,
       {1, 2, 3, 4, 5, 6, 7},
       {7, 34, 6, -48, 44, 17, -34, 40}},
      {"G5",
       8,
       1,
       false,
       sevens,
       {1, 2, 3, 4, 5, 6, 7},
       {-4, -32, -56, -34, -18, 26, 36, -48},
       {1, 0, 0, 0, 0, 0, 0, 1},
       {0, 2, -4, 0, 0, -12, 4},
       sparse(48, {{4, 4},
                   {5, 12},
                   {6, -8},
                   {7, -24},
                   {8, 12},
                   {9, 28},
                   {16, -4},
                   {17, 8},
                   {20, 10},
                   {21, -8},
                   {30, 24},
                   {31, 8},
                   {32, 8},
                   {33, 20},
                   {46, -12},
                   {47, -24}})},
      {"G6_increasing",
       8,
       2,
       true,
       sevens,
       {1, 2, 3, 4, 5, 6, 7, 8},
       {-186, 93, -60, -12, -332, -120, 268, 338}},
      {"G6_decreasing",
       8,
       2,
       false,
       sevens,
       {1, 2, 3, 4, 5, 6, 7, 8},
       {-160, -476, 336, -92, -80, 480, 216, -136}},
      {"G7",
       4,
       1,
       true,
       crossed,
       {1. + 1i, 2, -1i, 3. - 2i},
       {-13. - 1i, 11. - 3i, 4. - 6i, -7. + 1i},
       {1, 1i, -1, 2},
       {-5. - 1i, -3. + 2i, -1. - 2i, -6. + 3i},
       {3. + 1i, 2. + 4i, -1. - 1i, -2i, -2. - 2i, -10. + 2i, 2. - 3i, -5. - 12i, 1. + 5i, -1. + 5i,
        -1. - 5i, 1. - 5i, 3. - 1i, 4. + 2i, -2. - 6i, 4. - 8i},
       true},
  };
}

class GoldenVectors : public testing::TestWithParam<Golden> {};

TEST_P(GoldenVectors, AreExact) {
  const Golden& g = GetParam();
  const Shape shape = twiddle_shape(1, g.nblocks, g.n, false);
  std::vector<Complex> twiddle;
  for (int j = 0; j < shape.numel(); ++j) twiddle.push_back(g.twiddle(j));
  const auto in = static_cast<int64_t>(g.x.size());
  Butterfly layer =
      Butterfly::from_twiddle(in, g.n, tensor(twiddle, shape, g.complex), g.increasing);
  Tape tape;
  const Tensor x = tape.watch(tensor(g.x, {in}, g.complex)), y = layer(x);
  EXPECT_EQ(numbers(y), numbers(tensor(g.y, {g.n}, g.complex)));
  if (g.dy.empty()) return;
  tape.backward(y, tensor(g.dy, {g.n}, g.complex));
  EXPECT_EQ(numbers(tape.gradient(x)), numbers(tensor(g.dx, {in}, g.complex)));
  EXPECT_EQ(numbers(layer.twiddle().gradient()), numbers(tensor(g.dtwiddle, shape, g.complex)));
}

INSTANTIATE_TEST_SUITE_P(, GoldenVectors, testing::ValuesIn(golden_vectors()),
                         [](const auto& row) { return row.param.name; });

TEST(Butterfly, StacksStandSideBySide) {  // G8, with two equal stacks of G1
  std::vector<double> twiddle;
  for (int j = 0; j < 32; ++j) twiddle.push_back(j % 16 + 1);
  Butterfly layer = Butterfly::from_twiddle(3, 7, Tensor::from(twiddle, {2, 1, 2, 2, 2, 2}));
  EXPECT_EQ(layer.parameter_count(), 32);
  const std::vector<double> y = numbers(layer(Tensor::from<double>({1, 2, 3})));
  ASSERT_EQ(y.size(), 7u);
  EXPECT_EQ(std::vector(y.begin(), y.begin() + 3), std::vector(y.begin() + 4, y.end()));
}

// ---- Initial values

Tensor dense(int64_t n, const ButterflyOptions& options, uint64_t seed = 1) {
  return Butterfly(n, n, options, Rng(seed)).to_dense();
}

Complex entry(const Tensor& matrix, int64_t row, int64_t column) {
  return matrix.to(DType::c128).data<Complex>()[row * matrix.dim(1) + column];
}

double largest_difference(const Tensor& matrix,
                          const std::function<Complex(int64_t, int64_t)>& expected) {
  double worst = 0;
  for (int64_t i = 0; i < matrix.dim(0); ++i)
    for (int64_t j = 0; j < matrix.dim(1); ++j)
      worst = std::max(worst, std::abs(entry(matrix, i, j) - expected(i, j)));
  return worst;
}

// Entry (j, k) of the unitary transform is exp(-+ 2 pi i j k / n) / sqrt(n). The butterfly is this
// matrix without its bit reversal: of the input for increasing strides, of the output for
// decreasing ones.
TEST(ButterflyInit, FourierIsTheDftMatrix) {
  for (const char* init : {"fft", "ifft"})
    for (const int64_t n : {2, 4, 16, 64})
      for (const bool increasing : {true, false})
        for (const bool tied : {false, true})
          for (const int64_t nblocks : {1, 3}) {
            const Tensor matrix = dense(n, {.dtype = DType::c128,
                                            .increasing_stride = increasing,
                                            .nblocks = nblocks,
                                            .tied = tied,
                                            .init = init});
            const auto reversed = bit_reversal(n);
            const double sign = std::string(init) == "fft" ? -1 : 1;
            const auto dft = [&](int64_t i, int64_t j) {
              const int64_t r = reversed[static_cast<size_t>(increasing ? j : i)];
              const auto angle = 2 * std::numbers::pi *
                                 static_cast<double>((increasing ? i * r : r * j) % n) /
                                 static_cast<double>(n);
              return std::polar(1 / std::sqrt(static_cast<double>(n)), sign * angle);
            };
            EXPECT_LT(largest_difference(matrix, dft), 1e-14)
                << init << " " << n << (increasing ? " increasing" : " decreasing")
                << (tied ? " tied" : "") << " nblocks = " << nblocks;
          }
}

TEST(ButterflyInit, OrthoIsOrthogonalAndUnitary) {
  for (const DType dtype : {DType::f64, DType::c128})
    for (const bool tied : {false, true})
      for (const int64_t nblocks : {1, 2, 3}) {
        const Tensor m =
            dense(16, {.dtype = dtype, .nblocks = nblocks, .tied = tied, .init = "ortho"});
        const Tensor product = linear(m, conjugated(m));  // M M^H
        EXPECT_LT(largest_difference(product, [](int64_t i, int64_t j) { return i == j; }), 1e-14);
        EXPECT_GT(largest_difference(m, [](int64_t i, int64_t j) { return i == j; }), 0.1);
      }
}

TEST(ButterflyInit, IdentityIsTheIdentity) {
  for (const DType dtype : {DType::f32, DType::c128})
    for (const int64_t nblocks : {1, 2})
      EXPECT_EQ(
          largest_difference(dense(8, {.dtype = dtype, .nblocks = nblocks, .init = "identity"}),
                             [](int64_t i, int64_t j) { return i == j; }),
          0);
}

// Entries are N(0, 1/2), complex ones with 1/4 for each part (reference 1.5). Of the 40,960 (or
// twice as many) numbers, mean, variance and fourth moment lie within five standard errors.
TEST(ButterflyInit, RandnHasItsMoments) {
  for (const DType dtype : {DType::f64, DType::c128}) {
    const Butterfly layer(2048, 2048, {.dtype = dtype}, Rng(3));
    const std::vector<double> values = numbers(layer.twiddle());
    const double variance = is_complex(dtype) ? 0.25 : 0.5,
                 count = static_cast<double>(values.size());
    double first = 0, second = 0, fourth = 0;
    for (const double v : values)
      first += v / count, second += v * v / count, fourth += v * v * v * v / count;
    EXPECT_NEAR(first, 0, 5 * std::sqrt(variance / count));
    EXPECT_NEAR(second, variance, 5 * variance * std::sqrt(2 / count));
    EXPECT_NEAR(fourth, 3 * variance * variance, 5 * variance * variance * std::sqrt(96 / count));
  }
}

// Half of the orthogonal matrices are reflections: determinant -1.
TEST(ButterflyInit, OrthoDrawsRotationsAndReflections) {
  const Butterfly layer(1024, 1024, {.dtype = DType::f64, .init = "ortho"}, Rng(4));
  const std::vector<double> t = numbers(layer.twiddle());
  int reflections = 0;
  const int matrices = static_cast<int>(t.size()) / 4;
  for (size_t m = 0; m < t.size(); m += 4) reflections += t[m] * t[m + 3] - t[m + 1] * t[m + 2] < 0;
  EXPECT_NEAR(reflections, matrices / 2, 5 * std::sqrt(matrices) / 2);
}

TEST(ButterflyInit, UnknownNamesAreErrors) {
  expect_error([] { Butterfly(4, 4, {.init = "orthogonal"}, Rng(1)); },
               {"'orthogonal'", "randn, ortho, identity, fft, ifft"});
  expect_error([] { Butterfly(4, 4, {.init = "fft"}, Rng(1)); }, {"'fft'", "c64 or c128"});
  expect_error([] { Linear(4, 4, {.init = "randn"}, Rng(1)); }, {"'randn'", "uniform, normal"});
  expect_error([] { Bpbp(4, {.init = "fft"}, Rng(1)); }, {"'fft'", "randn, ortho, identity"});
}

// ---- Transpose and conjugate

TEST(Butterfly, MultipliesByTransposeAndConjugate) {
  struct Row {
    int64_t in, out;
    ButterflyOptions options;
  };
  const Row table[] = {
      {16, 16, {.dtype = DType::f64}},
      {16, 16, {.dtype = DType::c128, .increasing_stride = false}},
      {16, 16, {.dtype = DType::c128, .nblocks = 2}},
      {16, 16, {.dtype = DType::c128, .increasing_stride = false, .nblocks = 3, .tied = true}},
      {7, 15, {.dtype = DType::c128, .nblocks = 2}},
      {15, 7, {.dtype = DType::c128, .tied = true}},
      {3, 10, {.dtype = DType::f64, .increasing_stride = false, .nblocks = 3}},
      {1, 5, {.dtype = DType::c128}},
      {5, 1, {.dtype = DType::f64}},
  };
  for (const auto& [in, out, options] : table)
    for (const bool transpose : {false, true})
      for (const bool conjugate : {false, true}) {
        Butterfly layer(in, out, options, Rng(5));
        const Tensor m = conjugate ? conjugated(layer.to_dense()) : layer.to_dense();
        const Tensor x = randn({3, transpose ? out : in}, Rng(6), options.dtype);
        const Tensor y = layer.multiply(x, {.transpose = transpose, .conjugate = conjugate});
        EXPECT_LT(relative_difference(y, transpose ? matmul(x, m) : linear(x, m)), 1e-13)
            << layer.describe() << (transpose ? " transposed" : "")
            << (conjugate ? " conjugate" : "");
      }
}

TEST(Butterfly, TransposeHasGradients) {
  for (const auto& [in, out] : {std::pair{4, 4}, {3, 7}}) {
    Butterfly layer(in, out, {.bias = false, .dtype = DType::c128, .nblocks = 2}, Rng(5));
    const std::vector<Tensor> x = {randn({2, out}, Rng(6), DType::c128)};
    const MultiplyOptions adjoint{.transpose = true, .conjugate = true};
    const auto by_input = check_gradient([&](auto v) { return layer.multiply(v[0], adjoint); }, x);
    EXPECT_TRUE(by_input.ok) << by_input.message;
    const auto by_twiddle =
        check_parameter_gradient([&] { return layer.multiply(x[0], adjoint); }, layer.parameters());
    EXPECT_TRUE(by_twiddle.ok) << by_twiddle.message;
  }
}

TEST(Butterfly, ScaleMatrixScalesTheOutput) {
  for (const double factor : {0.13, 2.75}) {
    Butterfly layer(7, 15, {.bias = false, .dtype = DType::c128, .nblocks = 3, .tied = true},
                    Rng(7));
    const Tensor before = layer.to_dense();
    layer.scale_matrix(factor);
    EXPECT_LT(relative_difference(layer.to_dense(), scale(before, factor)), 1e-13);
  }
}

// ---- Figures

TEST(Butterfly, F32IsWithin1e6OfItsF64DenseExpansion) {
  Butterfly layer(1024, 1024, {}, Rng(8));
  Butterfly wide = Butterfly::from_twiddle(1024, 1024, layer.twiddle().value().to(DType::f64));
  const Tensor x = randn({8, 1024}, Rng(9));
  const std::vector<double> y = numbers(layer.multiply(x)),
                            exact = numbers(linear(x.to(DType::f64), wide.to_dense()));
  double difference = 0, size = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    difference += (y[i] - exact[i]) * (y[i] - exact[i]);
    size += exact[i] * exact[i];
  }
  EXPECT_LT(std::sqrt(difference / size), 1e-6);
}

TEST(HiddenLayers, HaveTheParametersOfThePaper) {
  const std::pair<const char*, int64_t> table[] = {
      {"dense", 1024 * 1024},     {"bpbp", 8184},
      {"bpbp-complex", 16368},    {"butterfly", 2 * 1024 * 10},
      {"kmatrix", 4 * 1024 * 10}, {"kmatrix-orthogonal", 1024 * 11},
      {"circulant", 1024},        {"fastfood", 3 * 1024},
      {"toeplitz-like", 8192},    {"low-rank", 8192},
      {"ldr-td", 8188},           {"ldr-sd", 8190},
      {"monarch", 2 * 32 * 1024}};
  std::vector<std::string_view> names;
  for (const auto& [name, parameters] : table) {
    names.push_back(name);
    const auto layer = make_hidden(name, 1024, 1024, Rng(1));
    EXPECT_EQ(layer->matrix_parameters(), parameters) << name;
    EXPECT_EQ(layer->parameter_count(), parameters + 1024) << name;
    EXPECT_EQ((*layer)(Tensor::zeros({2, 1024})).dtype(), DType::f32) << name;
  }
  EXPECT_EQ(names.size(), hidden_names().size());
}

// Dao et al. 2019, Table 1: 1024^2 numbers over those of the layer and of the softmax layer.
TEST(HiddenLayers, HaveTheCompressionFactorsOfThePaper) {
  const std::pair<const char*, double> published[] = {
      {"bpbp-complex", 39.4}, {"bpbp", 56.9},      {"ldr-td", 56.9},  {"toeplitz-like", 56.9},
      {"fastfood", 78.7},     {"circulant", 93.0}, {"low-rank", 56.9}};
  for (const auto& [name, factor] : published) {
    const int64_t parameters = make_hidden(name, 1024, 1024, Rng(1))->matrix_parameters();
    const double exact = 1024.0 * 1024.0 / static_cast<double>(parameters + 1024 * 10 + 10);
    EXPECT_EQ(std::round(10 * exact) / 10, factor) << name;
  }
}

TEST(HiddenLayers, TakeARankOrANumberOfBlocks) {
  EXPECT_EQ(make_hidden("low-rank:7", 64, 32, Rng(1))->matrix_parameters(), 7 * 96);
  EXPECT_EQ(make_hidden("toeplitz-like:3", 64, 64, Rng(1))->matrix_parameters(), 3 * 128);
  EXPECT_EQ(make_hidden("ldr-td:2", 64, 64, Rng(1))->matrix_parameters(), 2 * 190 + 2 * 128);
  EXPECT_EQ(make_hidden("monarch:256", 1024, 1024, Rng(1))->matrix_parameters(), 8192);
}

TEST(HiddenLayers, AnUnknownNameListsTheValidOnes) {
  expect_error([] { make_hidden("butterfy", 4, 4, Rng(1)); },
               {"'butterfy'", "dense, butterfly, kmatrix, kmatrix-orthogonal, bpbp, bpbp-complex",
                "low-rank[:RANK]", "monarch[:BLOCKS]"});
  expect_error([] { make_hidden("low-rank:x", 4, 4, Rng(1)); }, {"'low-rank:x'", "a number"});
  expect_error([] { make_hidden("low-rank:0", 4, 4, Rng(1)); }, {"'low-rank:0'", "from 1 on"});
  expect_error([] { make_hidden("bpbp:2", 4, 4, Rng(1)); }, {"'bpbp:2'", "takes no number"});
}

TEST(StructuredLayers, RefuseSizesThatMakeNoSense) {
  constexpr int64_t huge = INT64_MAX;
  expect_error([] { Butterfly(0, 4, {}, Rng(1)); }, {"butterfly", "0 features in", "at least 1"});
  expect_error([] { Linear(4, -1, {}, Rng(1)); }, {"linear", "-1 out", "at least 1"});
  expect_error([] { Butterfly(4, 4, {.nblocks = 0}, Rng(1)); }, {"nblocks = 0"});
  expect_error([] { Butterfly(4, 4, {.dtype = DType::i64}, Rng(1)); }, {"i64"});
  expect_error([] { KMatrix(4, 4, {.width = 0}, Rng(1)); }, {"width = 0"});
  expect_error([] { KMatrix(4, 4, {.expansion = 3}, Rng(1)); }, {"expansion = 3", "power of two"});
  expect_error([] { KMatrix(4, 4, {.orthogonal = true, .dtype = DType::c64}, Rng(1)); },
               {"orthogonal", "c64"});
  expect_error([] { KMatrix(4, 4, {.orthogonal = true, .diagonal = "one"}, Rng(1)); },
               {"'one'", "normal, ones"});
  expect_error([] { Bpbp(4, {.dtype = DType::c64}, Rng(1)); }, {"c64", "complex = true"});
  expect_error([] { Butterfly(huge, 1, {.bias = false}, Rng(1)); }, {"size 9223372036854775807"});
  expect_error([] { KMatrix(4, 1, {.expansion = int64_t{1} << 62, .bias = false}, Rng(1)); },
               {"size 4611686018427387904", "2^31"});
  EXPECT_THROW(Butterfly(4, huge, {.bias = false}, Rng(1)), Error);
}

TEST(StructuredLayers, DescribeThemselves) {
  EXPECT_EQ(
      Butterfly(7, 5, {.bias = false, .dtype = DType::c64, .nblocks = 2, .tied = true}, Rng(1))
          .describe(),
      "Butterfly(7, 5, c64, nblocks = 2, tied, no bias)");
  EXPECT_EQ(KMatrix(8, 8, {.width = 2, .orthogonal = true}, Rng(1)).describe(),
            "KMatrix(8, 8, orthogonal, width = 2)");
  EXPECT_EQ(Bpbp(8, {.complex = true}, Rng(1)).describe(), "Bpbp(8, 8, complex)");
  EXPECT_EQ(Linear(3, 2, {}, Rng(1)).describe(), "Linear(3, 2)");
}

TEST(Butterfly, FromTwiddleChecksTheShape) {
  expect_error(
      [] {
        Butterfly::from_twiddle(8, 8, Tensor({1, 1, 2, 2, 2, 2}));
      },
      {"[1, 1, 2, 2, 2, 2]", "8 features in", "[1, 1, 3, 4, 2, 2]"});
  expect_error([] { Butterfly::from_twiddle(8, 8, Tensor({1, 7, 2, 2})); }, {"4 axes"});
}

}  // namespace
}  // namespace papilio
