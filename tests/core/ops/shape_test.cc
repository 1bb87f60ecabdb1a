// reshape, slice, concat and pad.
#include "papilio/tests/core/ops/gradient_check_table.h"
#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio::testing {
namespace {

auto sliced(int64_t axis, int64_t begin, int64_t end) {
  return [=](auto x) { return slice(x[0], axis, begin, end); };
}
auto joined(int64_t axis) {
  return [axis](std::span<const Tensor> x) { return concat(x, axis); };
}
auto padded(int64_t axis, int64_t before, int64_t after) {
  return [=](auto x) { return pad(x[0], axis, before, after); };
}

const GradientRows rows = {
    {"transpose", "matrix", {real({3, 20})}, [](auto x) { return transpose(x[0]); }},
    {"transpose", "complex", {cplx({17, 2})}, [](auto x) { return transpose(x[0]); }},
    {"reshape",
     "split",
     {real({2, 7})},
     [](auto x) {
       return reshape(x[0], {7, 1, 2});
     }},
    {"reshape", "to_scalar", {cplx({1, 1})}, [](auto x) { return reshape(x[0], {}); }},
    {"slice", "first_axis", {real({7, 3})}, sliced(0, 2, 5)},
    {"slice", "middle", {real({2, 7, 3})}, sliced(1, 0, 2)},
    {"slice", "complex_last", {cplx({2, 3})}, sliced(-1, 1, 3)},
    {"slice", "all", {real({3})}, sliced(0, 0, 3)},
    {"slice", "nothing", {real({3, 2})}, sliced(0, 1, 1)},
    {"concat", "one", {real({2, 3})}, joined(1)},
    {"concat", "first_axis", {real({2, 3}), real({1, 3}), real({7, 3})}, joined(0)},
    {"concat", "middle", {real({2, 1, 3}), real({2, 7, 3})}, joined(1)},
    {"concat", "complex_last", {cplx({3, 2}), cplx({3, 1})}, joined(-1)},
    {"concat",
     "itself",
     {real({2, 3})},
     [](auto x) {
       return concat({x[0], x[0]}, 0);
     }},
    {"pad", "first_axis", {real({2, 3})}, padded(0, 1, 2)},
    {"pad", "middle", {real({2, 3, 2})}, padded(1, 0, 3)},
    {"pad", "complex_last", {cplx({2, 3})}, padded(-1, 2, 0)},
    {"pad", "by_nothing", {real({7})}, padded(0, 0, 0)},
};

}  // namespace
}  // namespace papilio::testing

namespace papilio {
namespace {

// y = x[:, 1:3] of fill((2, 4), 7, 3, 11); F.pad(x, (0, 0, 1, 2)) of fill((1, 2, 2), 7, 3, 11);
// y.backward(seed(y))
TEST(Shape, SliceAndPadEqualPyTorch) {
  expect_recorded({
      {"slice",
       [](const Tensor& x) { return slice(x, 1, 1, 3); },
       fill({2, 4}, 7, 3, 11),
       {0.409090909091, 0.0454545454545, -0.0454545454545, -0.409090909091},
       {0, -0.227272727273, 0.409090909091, 0, 0, 0.0454545454545, -0.318181818182, 0}},
      {"pad",
       [](const Tensor& x) { return pad(x, -2, 1, 2); },
       fill({1, 2, 2}, 7, 3, 11),
       {0, 0, -0.227272727273, 0.409090909091, 0.0454545454545, -0.318181818182, 0, 0, 0, 0},
       {0.0454545454545, -0.318181818182, 0.318181818182, -0.0454545454545}},
  });
}

// y = torch.cat([fill((2, 1), 7, 3, 11), fill((2, 2), 5, 1, 13)], 1); y.backward(seed(y))
TEST(Concat, EqualsPyTorch) {
  const Derivatives d = differentiate(
      [](const auto& x) {
        return concat({x[0], x[1]}, 1);
      },
      {fill({2, 1}, 7, 3, 11), fill({2, 2}, 5, 1, 13)});
  expect_numbers(d.output, {-0.227272727273, -0.423076923077, -0.0384615384615, 0.409090909091,
                            0.346153846154, -0.269230769231});
  expect_numbers(d.gradients[0], {-0.227272727273, -0.318181818182});
  expect_numbers(d.gradients[1],
                 {0.409090909091, 0.0454545454545, 0.318181818182, -0.0454545454545});
}

TEST(Reshape, SharesStorageAndKeepsTheOrder) {
  const Tensor x = fill({2, 6}, 7, 3, 11), y = reshape(x, {3, 1, 4});
  EXPECT_EQ(y.shape(), (Shape{3, 1, 4}));
  EXPECT_TRUE(y.shares_storage_with(x));
  EXPECT_EQ(y.to_vector<double>(), x.to_vector<double>());
}

TEST(Shape, SlicesOfAConcatAreItsParts) {
  for (const DType dtype : {DType::f32, DType::c64, DType::c128, DType::i64}) {
    const Tensor a = Tensor::full({2, 3, 5}, 1, dtype), b = Tensor::full({2, 1, 5}, 2, dtype);
    const Tensor whole = concat({a, b, a}, 1);
    EXPECT_EQ(whole.shape(), (Shape{2, 7, 5}));
    EXPECT_EQ(numbers(slice(whole, 1, 3, 4)), numbers(b));
    EXPECT_EQ(numbers(slice(whole, -2, 4, 7)), numbers(a));
  }
}

TEST(Shape, EmptyPartsAreAllowed) {
  const Tensor x = fill({2, 3}, 7, 3, 11), nothing = slice(x, 0, 2, 2);
  EXPECT_EQ(nothing.shape(), (Shape{0, 3}));
  expect_numbers(concat({x, nothing}, 0), numbers(x));
  expect_numbers(pad(nothing, 0, 1, 0), {0, 0, 0});
  EXPECT_EQ(reshape(nothing, {3, 0, 7}).shape(), (Shape{3, 0, 7}));
}

TEST(Shape, ErrorsNameTensorsAndRule) {
  const Tensor x({2, 3});
  expect_error([&] { reshape(x, {4}); }, {"reshape: [2, 3] f32 has 6 elements, [4] has 4"});
  expect_error([&] { slice(x, 2, 0, 1); }, {"slice: [2, 3] f32 has no axis 2"});
  expect_error([&] { slice(x, 1, 0, 4); }, {"slice: 0 .. 4 of axis 1", "3 positions", "<="});
  expect_error([&] { slice(x, 1, -1, 2); }, {"slice: -1 .. 2"});
  expect_error([&] { slice(x, 1, 2, 1); }, {"slice: 2 .. 1"});
  expect_error([&] { concat(std::span<const Tensor>(), 0); }, {"concat", "no parts"});
  expect_error(
      [&] {
        concat({x, Tensor({3, 3})}, 1);
      },
      {"concat: part [3, 3] f32 does not fit [2, 3] f32 along axis 1"});
  expect_error([&] { concat({x, Tensor({2})}, 0); }, {"[2] f32", "[2, 3] f32"});
  expect_error([&] { concat({x, x.to(DType::f64)}, 0); }, {"[2, 3] f64", "[2, 3] f32"});
  expect_error([&] { concat({x, x}, -3); }, {"concat", "no axis -3"});
  expect_error([&] { pad(x, 5, 0, 0); }, {"pad: [2, 3] f32 has no axis 5"});
  expect_error([&] { pad(x, 0, -1, 0); }, {"pad: -1 before", ">= 0", "slice()"});
  expect_error([&] { pad(x, 0, 1, INT64_MAX); }, {"pad", "63 bits"});
}

}  // namespace
}  // namespace papilio
