#include <numbers>

#include "papilio/tests/core/ops/gradient_check_table.h"
#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio::testing {
namespace {

auto butterfly(int64_t n, bool increasing_stride, int64_t out_features = 0) {
  return [=](auto x) { return butterfly_multiply(x[0], x[1], n, increasing_stride, out_features); };
}
const auto with_bias = [](auto x) { return butterfly_multiply(x[0], x[1], 8, true, 11, x[2]); };
const auto rectified = [](auto x) {
  return butterfly_multiply(x[0], x[1], 8, false, 11, x[2], Activation::relu);
};
const auto tied = [](auto x) { return tied_twiddle(x[0]); };
const auto rotation = [](auto x) { return rotation_twiddle(x[0]); };

// Twiddles are [nstacks, nblocks, log2 n, n/2, 2, 2].
const GradientRows rows = {
    {"butterfly_multiply", "bias", {real({4, 7}), real({2, 1, 3, 4, 2, 2}), real({11})}, with_bias},
    {"butterfly_multiply",
     "complex_bias",
     {cplx({4, 7}), cplx({2, 1, 3, 4, 2, 2}), cplx({11})},
     with_bias},
    {"butterfly_multiply",
     "bias_and_relu",
     {real({4, 7}), real({2, 1, 3, 4, 2, 2}), real({11})},
     rectified},
    {"butterfly_multiply",
     "smallest",
     {real({3, 2}), real({1, 1, 1, 1, 2, 2})},
     butterfly(2, true)},
    {"butterfly_multiply",
     "increasing",
     {real({3, 8}), real({1, 1, 3, 4, 2, 2})},
     butterfly(8, true)},
    {"butterfly_multiply",
     "decreasing",
     {real({3, 8}), real({1, 1, 3, 4, 2, 2})},
     butterfly(8, false)},
    {"butterfly_multiply",
     "complex_blocks",
     {cplx({2, 8}), cplx({1, 3, 3, 4, 2, 2})},
     butterfly(8, true)},
    {"butterfly_multiply",
     "padded_stacked_cut",
     {real({2, 2, 5}), real({2, 2, 3, 4, 2, 2})},
     butterfly(8, false, 11)},
    {"butterfly_multiply",
     "complex_padded_stacked_cut",
     {cplx({3, 3}), cplx({3, 2, 2, 2, 2, 2})},
     butterfly(4, true, 10)},
    {"butterfly_multiply",
     "cut_input",
     {real({2, 7}), real({1, 1, 2, 2, 2, 2})},
     butterfly(4, true)},
    {"butterfly_multiply",
     "no_factors",
     {real({3, 1})},
     [](auto x) {
       return butterfly_multiply(x[0], Tensor({3, 1, 0, 0, 2, 2}, DType::f64), 1, true, 3);
     }},
    {"tied_twiddle", "smallest", {real({1, 1, 1, 2, 2})}, tied},
    {"tied_twiddle", "blocks", {real({2, 3, 7, 2, 2})}, tied},
    {"tied_twiddle",
     "decreasing",
     {cplx({1, 2, 3, 2, 2})},
     [](auto x) { return tied_twiddle(x[0], false); }},
    {"rotation_twiddle", "one", {real({1, 1, 1, 1})}, rotation},
    {"rotation_twiddle", "blocks", {real({2, 2, 3, 4})}, rotation},
};

Tensor counting(const Shape& shape, double first = 1) {
  Tensor t(shape, DType::f64);
  for (int64_t i = 0; i < shape.numel(); ++i)
    t.mutable_data<double>()[i] = first + static_cast<double>(i);
  return t;
}

// Reference 1.13, G1: n = 4, twiddle 1 ... 16, x = 1 ... 4.
// Without a tape the form is the frozen one, which rounds.
TEST(ButterflyMultiply, GivesTheGoldenVectors) {
  const Tensor x = counting({4}), twiddle = counting({1, 1, 2, 2, 2, 2});
  expect_numbers(butterfly_multiply(x, twiddle, 4, true), {435, 885, 523, 1013}, 1e-10);
  expect_numbers(butterfly_multiply(x, twiddle, 4, false), {403, 485, 839, 961}, 1e-10);
}

TEST(ButterflyMultiply, FeaturesMajorIsTheTransposeOfRows) {
  const auto key = [](const char* name) { return Rng(3).split(name); };
  const Tensor x = randn({21, 7}, key("x")), twiddle = randn({2, 2, 3, 4, 2, 2}, key("twiddle"));
  const Tensor bias = randn({13}, key("bias"));
  const Tensor by_rows = butterfly_multiply(x, twiddle, 8, false, 13, bias, Activation::relu);
  const Tensor columns = butterfly_multiply_features_major(transpose(x), twiddle, 8, false, 13,
                                                           bias, Activation::relu);
  EXPECT_EQ(columns.shape(), Shape({13, 21}));
  expect_numbers(transpose(columns), by_rows.to(DType::f64).to_vector<double>(), 1e-4);
  Tape tape;
  const Tensor watched = tape.watch(transpose(x));
  const Tensor y =
      butterfly_multiply_features_major(watched, twiddle, 8, false, 13, bias, Activation::relu);
  expect_numbers(transpose(y.detach()), by_rows.to(DType::f64).to_vector<double>(), 1e-4);
  tape.backward(sum(y));
  EXPECT_EQ(tape.gradient(watched).shape(), Shape({7, 21}));
}

TEST(ButterflyMultiply, SeesEveryWriteOfTheTwiddle) {
  const Tensor x = randn({3, 8}, Rng(1));
  Tensor twiddle = randn({1, 1, 3, 4, 2, 2}, Rng(2));
  const Tensor before = butterfly_multiply(x, twiddle, 8);
  twiddle.assign(scale(twiddle, 2));
  const Tensor after = butterfly_multiply(x, twiddle, 8);
  for (int64_t i = 0; i < 24; ++i)
    EXPECT_NEAR(after.data<float>()[i], 8 * before.data<float>()[i], 1e-4);
}

TEST(ButterflyMultiply, EveryRowOfABatchByItself) {
  const Tensor twiddle = counting({1, 1, 2, 2, 2, 2});
  const Tensor y = butterfly_multiply(
      concat({counting({1, 1, 4}), Tensor::zeros({1, 1, 4}, DType::f64)}, 0), twiddle, 4);
  EXPECT_EQ(y.shape(), Shape({2, 1, 4}));
  expect_numbers(y, {435, 885, 523, 1013, 0, 0, 0, 0}, 1e-10);
}

// Rows 2^k - 1 ... 2^(k+1) - 2 are the factor of stride 2^k, repeated over its pairs: pair i has
// row 2^k - 1 + i mod 2^k (reference 1.14).
TEST(TiedTwiddle, RepeatsTheRowsOfEveryStride) {
  const Tensor numbered = counting({1, 2, 3, 1, 1});  // one number stands for its 2 x 2 matrix
  const Tensor matrices = reshape(
      gather(reshape(numbered, {6, 1}), Tensor::from<int64_t>({0, 0, 0, 0})), {1, 2, 3, 2, 2});
  const auto first_entries = [](const Tensor& untied) {
    return gather(reshape(untied, {8, 4}), Tensor::from<int64_t>({0}));
  };
  expect_numbers(first_entries(tied_twiddle(matrices, true)), {1, 1, 2, 3, 5, 6, 4, 4}, 0);
  expect_numbers(first_entries(tied_twiddle(matrices, false)), {2, 3, 1, 1, 4, 4, 5, 6}, 0);
}

TEST(RotationTwiddle, IsCosAndSin) {
  const double third = std::numbers::pi / 3, h = std::sqrt(0.75);
  expect_numbers(rotation_twiddle(Tensor::from<double>({third, -third}).view({1, 2, 1, 1})),
                 {0.5, -h, h, 0.5, 0.5, h, -h, 0.5}, 1e-15);
}

TEST(ButterflyMultiply, ErrorsNameShapesAndRule) {
  const Tensor x({5, 4}), twiddle({1, 1, 2, 2, 2, 2});
  expect_error([&] { butterfly_multiply(x, twiddle, 6); }, {"n = 6", "power of two"});
  expect_error([&] { butterfly_multiply(x, twiddle, 8); },
               {"[1, 1, 2, 2, 2, 2]", "[nstacks, nblocks, 3, 4, 2, 2]"});
  expect_error([&] { butterfly_multiply(x, twiddle, 4, true, 5); }, {"out_features = 5", "1 to 4"});
  expect_error([&] { butterfly_multiply(x.to(DType::c64), twiddle, 4); }, {"c64", "f32", "dtypes"});
  expect_error([&] { tied_twiddle(Tensor({1, 1, 4, 2, 2})); }, {"[1, 1, 4, 2, 2]", "n - 1"});
  expect_error([&] { rotation_twiddle(Tensor({2, 2})); }, {"[2, 2]", "log2 n"});
}

}  // namespace
}  // namespace papilio::testing
