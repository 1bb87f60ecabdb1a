#include "papilio/layers/transforms.h"

#include <cmath>
#include <map>
#include <numbers>

#include "papilio/core/gradient_check.h"
#include "papilio/core/ops.h"
#include "papilio/layers/permutation.h"
#include "papilio/layers/target_matrix.h"
#include "papilio/models/checkpoint.h"
#include "papilio/models/summary.h"
#include "papilio/optim/optimizer.h"
#include "papilio/tests/core/ops/recorded_values.h"
#include "papilio/tests/layers/dense.h"
#include "papilio/tests/layers/transform_reference.h"
#include "papilio/tests/models/toy.h"

namespace papilio::testing {
namespace {

using Layer = std::unique_ptr<StructuredLinear>;

constexpr TransformOptions kF64{.dtype = DType::f64};

Dense of(StructuredLinear& layer) { return Dense(layer.to_dense()); }

template <class L>
Layer boxed(L layer) {
  return std::make_unique<L>(std::move(layer));
}

struct Transform {
  std::string_view target;  ///< of target_matrix()
  Layer (*make)(int64_t n, const TransformOptions& options);
  int64_t scale_size;  ///< N is scale_size n
  bool inverse = false;
  bool powers = false;  ///< only sizes that are powers of two >= 2
};
using O = const TransformOptions&;
constexpr Transform kTransforms[] = {
    {"dft", [](int64_t n, O o) { return boxed(fft(n, o)); }, 1},
    {"idft", [](int64_t n, O o) { return boxed(ifft(n, o)); }, 1, true},
    {"dct2", [](int64_t n, O o) { return boxed(dct(2, n, o)); }, 2},
    {"dct3", [](int64_t n, O o) { return boxed(dct(3, n, o)); }, 2},
    {"dct4", [](int64_t n, O o) { return boxed(dct(4, n, o)); }, 2},
    {"dst2", [](int64_t n, O o) { return boxed(dst(2, n, o)); }, 2},
    {"dst3", [](int64_t n, O o) { return boxed(dst(3, n, o)); }, 2},
    {"dst4", [](int64_t n, O o) { return boxed(dst(4, n, o)); }, 2},
    {"hartley", [](int64_t n, O o) { return boxed(hartley(n, o)); }, 1},
    {"hadamard", [](int64_t n, O o) { return boxed(hadamard(n, o)); }, 1, false, true},
};

// Row or column 0 or n - 1 of types 2 and 3 is scaled once more in the orthonormal form.
Dense orthonormal(std::string_view name, Dense m) {
  const int64_t n = m.rows, edge = name.starts_with("dct") ? 0 : n - 1;
  if (name.ends_with('2') && name != "dft2")
    for (int64_t k = 0; k < n; ++k) m(edge, k) *= std::sqrt(0.5);
  if (name.ends_with('3'))
    for (int64_t j = 0; j < n; ++j) m(j, edge) *= std::sqrt(2.0);
  return m;
}

TEST(Transforms, AgreeWithTheirDefinitionsInEverySizeAndNorm) {
  for (const int64_t n : {1, 2, 3, 4, 5, 6, 7, 8, 13, 31, 64, 100, 127, 256})
    for (const Transform& t : kTransforms) {
      if (t.powers && (n == 1 || (n & (n - 1)) != 0)) continue;
      SCOPED_TRACE(concat(t.target, " ", n));
      // The target over its own scale is the plain sum.
      const Dense sums = std::sqrt(static_cast<double>(n)) * Dense(target_matrix(t.target, n));
      const double size = static_cast<double>(t.scale_size * n);
      const auto make = [&](Norm norm) { return t.make(n, {.norm = norm, .dtype = DType::f64}); };
      expect_same(of(*make(Norm::backward)), (t.inverse ? 1 / size : 1) * sums);
      expect_same(of(*make(Norm::forward)), (t.inverse ? 1 : 1 / size) * sums);
      const Dense ortho = of(*make(Norm::ortho));
      expect_same(ortho, orthonormal(t.target, 1 / std::sqrt(size) * sums));
      if (n < 100) expect_same(ortho * transposed(conjugated(ortho)), identity(n));
    }
}

TEST(Transforms, AgreeWithTheirDefinitionsWhenLarge) {
  for (const int64_t n : {1000, 1024})
    for (const Transform& t : kTransforms) {
      if (t.powers && n == 1000) continue;
      SCOPED_TRACE(concat(t.target, " ", n));
      const Layer layer = t.make(n, {.norm = Norm::ortho, .dtype = DType::f64});
      const double scaled = 1 / std::sqrt(static_cast<double>(t.scale_size));
      const Dense expected = orthonormal(t.target, scaled * Dense(target_matrix(t.target, n)));
      expect_same(of(*layer), expected);
      if (n == 1000) continue;
      const Layer narrow = t.make(n, {.norm = Norm::ortho, .dtype = DType::f32});
      EXPECT_EQ(real_of(narrow->dtype()), DType::f32);
      expect_same(of(*narrow), expected, 2e-6);
    }
}

// ---- SciPy, PyWavelets

Layer recorded_layer(std::string_view name, int64_t n) {
  const bool ortho = name.ends_with(" ortho");
  const TransformOptions options{.norm = ortho ? Norm::ortho : Norm::backward, .dtype = DType::f64};
  for (const Transform& t : kTransforms)
    if (name.substr(0, name.find(' ')) == t.target) return t.make(n, options);
  if (name == "haar") return boxed(haar(n, DType::f64));
  return nullptr;
}

TEST(Transforms, AgreeWithScipy) {
  std::map<std::string_view, int> seen;
  for (const auto& [name, n, y] : recorded_transforms()) {
    const Layer layer = recorded_layer(name, n);
    if (!layer) continue;
    ++seen[name];
    SCOPED_TRACE(concat(name, " ", n));
    const Tensor x = fill({n}, 5, 2, 13);
    expect_numbers((*layer)(is_complex(layer->dtype()) ? complex(x) : x), y, 1e-13);
  }
  EXPECT_EQ(seen.size(), 18u);
}

TEST(Transforms, HaarAgreesWithItsDefinition) {
  for (const int64_t n : {2, 4, 16, 1024})
    for (const DType dtype : {DType::f64, DType::c128}) {
      Product layer = haar(n, dtype);
      expect_same(of(layer), Dense(target_matrix("haar", n)));
    }
}

TEST(Transforms, HadamardTakesBothDirectionsAndComplexNumbers) {
  for (const bool increasing : {true, false}) {
    Butterfly layer = hadamard(16, {.norm = Norm::ortho, .dtype = DType::c128}, increasing);
    EXPECT_EQ(layer.increasing_stride(), increasing);
    expect_same(of(layer), Dense(target_matrix("hadamard", 16)));
  }
}

TEST(Transforms, HaveAsFewBlocksAsPromised) {
  Product power = dct(2, 64), odd = dct(2, 63);
  EXPECT_EQ(power.size(), 2u);  // one gather, one block
  EXPECT_EQ(power.parameter_count(), 2 * (2 * 64 * 6));
  EXPECT_EQ(odd.size(), 2u);
  EXPECT_EQ(odd.parameter_count(), 2 * 2 * (2 * 128 * 7));
  EXPECT_EQ(fft(64).size(), 2u);
  EXPECT_EQ(dst(3, 64).size(), 2u);
}

TEST(Transforms, OfImagesAreTransformsOfBothAxes) {
  for (const auto& [h, w] : {std::pair<int64_t, int64_t>{4, 8}, {3, 5}, {1, 6}, {16, 2}}) {
    const auto entry = [h = h, w = w](double sign) {
      return [=](int64_t j, int64_t k) {
        const double turns = static_cast<double>((j / w) * (k / w)) / static_cast<double>(h) +
                             static_cast<double>((j % w) * (k % w)) / static_cast<double>(w);
        return std::polar(1.0, sign * 2 * std::numbers::pi * turns);
      };
    };
    Kronecker forward = fft2d(h, w, kF64), inverse = ifft2d(h, w, kF64);
    expect_same(of(forward), dense(h * w, h * w, entry(-1)));
    expect_same(of(inverse), 1 / static_cast<double>(h * w) * dense(h * w, h * w, entry(1)));
  }
}

TEST(Transforms, FastfoodIsTheProductOfItsParts) {
  for (const DType dtype : {DType::f64, DType::c128})
    for (const int64_t n : {2, 8, 32}) {
      const Tensor s = randn({n}, Rng(1), dtype), g = randn({n}, Rng(2), dtype),
                   b = randn({n}, Rng(3), dtype);
      const auto v = Rng(4).permutation(n);
      Permutation p(v, dtype);
      const Dense h = Dense(target_matrix("hadamard", n));  // orthonormal
      Product ortho = fastfood(s, g, v, b, Norm::ortho), plain = fastfood(s, g, v, b);
      const Dense expected = diagonal(s) * h * diagonal(g) * of(p) * h * diagonal(b);
      expect_same(of(ortho), expected);
      expect_same(of(plain), static_cast<double>(n) * expected);
    }
}

TEST(Transforms, AcdcIsTheProductOfItsParts) {
  for (const int64_t n : {1, 2, 7, 16, 33}) {
    const Tensor d1 = randn({n}, Rng(1), DType::f64), d2 = randn({n}, Rng(2), DType::f64);
    Product cosine = dct(2, n, {.norm = Norm::ortho, .dtype = DType::f64});
    const Dense c = of(cosine);
    Product first = acdc(d2, d1, AcdcOrder::dct_first), second = acdc(d2, d1);
    expect_same(of(first), diagonal(d2) * transposed(c) * diagonal(d1) * c);
    expect_same(of(second), diagonal(d2) * c * diagonal(d1) * transposed(c));
    EXPECT_EQ(first.dtype(), DType::f64);
  }
}

// ---- as layers

std::vector<Layer> one_of_each(DType dtype) {
  const TransformOptions options{.dtype = dtype};
  std::vector<Layer> all;
  for (const int64_t n : {7, 8})
    for (const Transform& t : kTransforms)
      if (!t.powers || n == 8) all.push_back(t.make(n, options));
  all.push_back(boxed(haar(8, dtype)));
  all.push_back(boxed(fft2d(3, 4, options)));
  const Tensor d = randn({8}, Rng(1), dtype);
  all.push_back(boxed(fastfood(d, d, Rng(2).permutation(8), d)));
  all.push_back(boxed(acdc(d, d)));
  return all;
}

TEST(Transforms, HaveGradients) {
  for (const Layer& layer : one_of_each(DType::f64)) {
    SCOPED_TRACE(layer->describe());
    const Tensor x = randn({2, layer->in_features()}, Rng(3), layer->dtype());
    const auto report = check_parameter_gradient([&] { return (*layer)(x); }, layer->parameters());
    EXPECT_TRUE(report.ok) << report.message;
    const auto by_input = check_gradient([&](auto in) { return (*layer)(in[0]); }, {&x, 1});
    EXPECT_TRUE(by_input.ok) << by_input.message;
  }
}

TEST(Transforms, ComeBackFromAFileByName) {
  const TemporaryFolder folder;
  for (const Layer& layer : one_of_each(DType::f32)) {
    SCOPED_TRACE(layer->describe());
    save(*layer, folder / "layer");
    const auto loaded = models::load(folder / "layer");
    EXPECT_EQ(loaded->describe(), layer->describe());
    EXPECT_EQ(loaded->config(), layer->config());
    const Tensor x = randn({3, layer->in_features()}, Rng(3), layer->dtype());
    EXPECT_EQ(numbers((*loaded)(x)), numbers((*layer)(x)));
  }
}

TEST(Transforms, AreOneRowOfASummary) {
  for (const Layer& layer : one_of_each(DType::f64)) {
    SCOPED_TRACE(layer->describe());
    const auto rows = models::summarize(*layer, {layer->in_features()});
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0].parameters, layer->parameter_count());
    EXPECT_EQ(rows[0].flops, layer->cost({1, layer->in_features()}).flops);
  }
}

TEST(Transforms, Train) {
  const Tensor target = target_matrix("dst2", 8), x = randn({32, 8}, Rng(5), DType::f64);
  const Tensor wanted = linear(x, target);
  Product layer = dct(2, 8, {.norm = Norm::ortho, .dtype = DType::f64});
  optim::Adam adam(layer.parameters(), {.lr = 0.02});
  const auto loss = [&] { return mse_loss(layer(x), wanted); };
  const double before = loss().item();
  for (int step = 0; step < 300; ++step) {
    Tape tape;
    tape.backward(loss());
    adam.step();
  }
  EXPECT_LT(loss().item(), 0.1 * before);
}

TEST(Transforms, SayWhatIsNotPossible) {
  expect_error([] { fft(0); }, {"fft", "n = 0"});
  expect_error([] { dct(1, 8); }, {"dct", "type 1", "2, 3 and 4"});
  expect_error([] { dst(5, 8); }, {"dst", "type 5", "2, 3 and 4"});
  expect_error([] { dct(2, 8, {.dtype = DType::c64}); }, {"dct", "c64", "f32 or f64"});
  expect_error([] { hartley(8, {.dtype = DType::c128}); }, {"hartley", "c128"});
  expect_error([] { hadamard(6); }, {"hadamard", "6", "power of two"});
  expect_error([] { haar(1); }, {"haar", "n = 1"});
  expect_error([] { acdc(Tensor::zeros({3}), Tensor::zeros({4})); }, {"acdc", "[4]", "[3]"});
}

}  // namespace
}  // namespace papilio::testing
