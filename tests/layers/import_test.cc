// The expected numbers are those of make_import_reference.py, which computes with the old layouts
// as they are.
#include "papilio/layers/import.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "papilio/layers/butterfly.h"
#include "papilio/layers/kmatrix.h"
#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio {
namespace {

Tensor whole_numbers(const Shape& shape) {
  Tensor t(shape, DType::f64);
  for (int64_t i = 0; i < t.numel(); ++i)
    t.mutable_data<double>()[i] = static_cast<double>(7 * i % 11 - 5);
  return t;
}

struct Import {
  const char* name;
  Shape shape;  // with a last axis of 2 when complex
  std::function<Tensor(const Tensor&)> read;
  bool increasing;
  std::vector<double> y;  // re and im alternate when complex
  bool tied = false;
};

std::vector<Import> imports() {
  const auto old = [](bool increasing) {
    return [=](const Tensor& t) { return import_old_twiddle(t, increasing); };
  };
  const auto fast = [](bool increasing) {
    return [=](const Tensor& t) { return import_old_fast_twiddle(t, increasing); };
  };
  const Shape new_complex = {1, 1, 3, 4, 2, 2, 2}, old_complex = {1, 3, 4, 2, 2, 2},
              tied_complex = {1, 7, 2, 2, 2};
  return {
      {"new_increasing",
       {2, 2, 3, 4, 2, 2},
       import_twiddle,
       true,
       {25781, 82079, 49720, 7615, 43920, 120384, -52344, -3744, -10322, -3629, 14166, -7680,
        -27780, -10924, -24754, -17143}},
      {"new_decreasing",
       {2, 2, 3, 4, 2, 2},
       import_twiddle,
       false,
       {-5689, -4400, -19905, 14444, 25935, -30956, -7269, 23312, 412, -8523, 24138, -3584, -9302,
        21396, -54536, 27460}},
      {"new_complex_increasing",
       new_complex,
       import_twiddle,
       true,
       {173, -413, 16, -1092, -204, 697, 170, -302, -41, 227, -204, 188, 469, -303, 872, 150}},
      {"new_complex_decreasing",
       new_complex,
       import_twiddle,
       false,
       {746, -418, -338, 776, -896, 542, 1147, -153, -502, -450, -144, 520, -1360, -1416, 532,
        952}},
      {"old_increasing",
       {1, 3, 4, 2, 2},
       old(true),
       true,
       {63, -80, -16, 618, -54, -596, 104, 1377}},
      {"old_decreasing",
       {1, 3, 4, 2, 2},
       old(false),
       false,
       {274, 328, 376, 448, 112, -386, -76, -46}},
      {"old_complex_increasing",
       old_complex,
       old(true),
       true,
       {173, -413, 16, -1092, -204, 697, 170, -302, -41, 227, -204, 188, 469, -303, 872, 150}},
      {"old_complex_decreasing",
       old_complex,
       old(false),
       false,
       {-2179, -1069, 690, 800, -684, 719, -860, -1852, -143, -159, -588, 434, 277, -484, -318,
        34}},
      {"old_tied_increasing",
       {1, 7, 2, 2},
       import_old_tied_twiddle,
       true,
       {-48, -38, 40, -594, 144, 8, -84, 372},
       true},
      {"old_tied_decreasing",
       {1, 7, 2, 2},
       import_old_tied_twiddle,
       false,
       {118, 148, -196, -826, 7, 154, 48, 540},
       true},
      {"old_tied_complex_increasing",
       tied_complex,
       import_old_tied_twiddle,
       true,
       {-237, -380, -316, 518, 60, 1962, -182, 660, -574, 1383, 89, -665, -882, -3276, 643, -123},
       true},
      {"old_tied_complex_decreasing",
       tied_complex,
       import_old_tied_twiddle,
       false,
       {734, 115, -169, 105, -334, -132, -782, -206, -803, -406, -527, -819, -782, -1032, 1238,
        1514},
       true},
      {"old_fast_increasing",
       {1, 3, 2, 8},
       fast(true),
       true,
       {-59, -377, -1250, 152, 1320, 134, 1250, -485}},
      {"old_fast_decreasing",
       {1, 3, 2, 8},
       fast(false),
       false,
       {-101, -344, -8, -3, 855, 408, 845, -1447}},
      {"old_bbt",
       {1, 12, 4, 2, 2},
       [](const Tensor& t) { return import_old_bbt_twiddle(t, 2); },
       false,
       {-75235048, 30928362, -7211076, -332560788, -598533628, 8698632, -359664392, -26071566}},
      {"old_fast_bbt",
       {1, 12, 2, 8},
       [](const Tensor& t) { return import_old_fast_bbt_twiddle(t, 2); },
       false,
       {-87124428, -754017678, 58176164, 66371365, 26233896, 754017678, -233000729, -79785433}},
  };
}

class PublishedWeights : public testing::TestWithParam<Import> {};

TEST_P(PublishedWeights, GiveWhatTheirCodeComputes) {
  const Import& row = GetParam();
  const Tensor twiddle = row.read(whole_numbers(row.shape));
  const auto out = static_cast<int64_t>(row.y.size()) / (is_complex(twiddle.dtype()) ? 2 : 1);
  Butterfly layer = Butterfly::from_twiddle(8, out, twiddle, row.increasing, row.tied);
  const Tensor x = Tensor::from<double>({1, 2, 3, 4, 5, 6, 7, 8}).to(twiddle.dtype());
  const double largest = std::abs(*std::max_element(
      row.y.begin(), row.y.end(), [](double a, double b) { return std::abs(a) < std::abs(b); }));
  expect_numbers(layer(x), row.y, 1e-13 * largest);  // frozen, so rounded
}

INSTANTIATE_TEST_SUITE_P(, PublishedWeights, testing::ValuesIn(imports()),
                         [](const auto& row) { return row.param.name; });

TEST(ImportOdo, FillsAnOrthogonalKMatrix) {
  KMatrix layer(8, 8, {.width = 2, .orthogonal = true, .bias = false, .dtype = DType::f64}, Rng(1));
  for (Parameter& p : layer.parameters())
    p.mutable_value().assign(
        p.name() == "angles" ? import_old_odo_angles(scale(whole_numbers({1, 12, 4}), 0.25), 2)
                             : add(whole_numbers({1, 2, 8}), Tensor::full({8}, 0.5, DType::f64)));
  expect_numbers(layer(Tensor::from<double>({1, 2, 3, 4, 5, 6, 7, 8})),
                 {56.3522102979598, 84.6846590196481, 8.42006293247185, -18.148306863167,
                  -22.6516191770899, -26.3711668506474, 50.1226363823732, -2.85368321074778},
                 1e-12);
}

TEST(Import, ComplexTensorsAreTakenAsTheyAre) {
  const Tensor pairs = whole_numbers({1, 3, 4, 2, 2, 2});
  const Tensor re = reshape(slice(pairs, -1, 0, 1), {1, 3, 4, 2, 2}),
               im = reshape(slice(pairs, -1, 1, 2), {1, 3, 4, 2, 2});
  EXPECT_EQ(numbers(import_old_twiddle(complex(re, im), true)),
            numbers(import_old_twiddle(pairs, true)));
}

TEST(Import, ALayerOfOneFeatureHasNoFactors) {
  const Shape shape = {3, 1, 0, 0, 2, 2};
  EXPECT_EQ(import_twiddle(Tensor(shape)).shape(), shape);
}

TEST(Import, AnotherShapeIsAnErrorThatNamesTheLayout) {
  const auto f64 = [](const Shape& shape) { return Tensor(shape, DType::f64); };
  expect_error([&] { import_twiddle(f64({1, 1, 3, 3, 2, 2})); }, {"[1, 1, 3, 3, 2, 2]", "log2 n"});
  expect_error(
      [&] {
        import_twiddle(f64({3, 4, 2, 2}));
      },
      {"[3, 4, 2, 2]", "[nstacks, nblocks, log2 n, n/2, 2, 2]"});
  expect_error([&] { import_old_twiddle(f64({1, 2, 4, 2, 2}), true); }, {"[1, 2, 4, 2, 2]", "n/2"});
  expect_error([&] { import_old_tied_twiddle(f64({1, 6, 2, 2})); }, {"[1, 6, 2, 2]", "n-1"});
  expect_error([&] { import_old_twiddle(f64({1, 3, 6, 2, 2}), true); }, {"[1, 3, 6, 2, 2]"});
  expect_error([&] { import_old_fast_twiddle(f64({1, 3, 2, 6}), true); }, {"[1, 3, 2, 6]"});
  expect_error([&] { import_old_fast_twiddle(f64({1, 2, 2, 8}), true); }, {"[1, 2, 2, 8]"});
  expect_error(
      [&] {
        import_old_bbt_twiddle(f64({1, 6, 4, 2, 2}), 2);
      },
      {"[1, 6, 4, 2, 2]", "2 w"});
  expect_error([&] { import_old_odo_angles(f64({1, 6, 4}), 2); }, {"[1, 6, 4]", "2 w log2 n"});
}

}  // namespace
}  // namespace papilio
