#include "papilio/tests/core/ops/gradient_check_table.h"
#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio::testing {
namespace {

auto at(std::initializer_list<int64_t> index) {
  return [index = Tensor::from(index)](auto x) { return gather(x[0], index); };
}

const GradientRows rows = {
    {"gather", "permutation", {real({2, 3})}, at({2, 0, 1})},
    {"gather", "repeated", {real({3, 7})}, at({6, 6, 1, 6})},
    {"gather", "complex", {cplx({2, 2, 3})}, at({0, 2, 0})},
    {"gather", "vector", {real({7})}, at({3})},
    {"gather", "one_column", {real({3, 1})}, at({0, 0})},
};

}  // namespace
}  // namespace papilio::testing

namespace papilio {
namespace {

// y = x[..., torch.tensor([2, 0, 2, 2])] of fill((2, 3), 7, 3, 11) and of cfill((3,), 7, 3, 11);
// y.backward(seed(y))
TEST(Gather, EqualsPyTorch) {
  const auto pick = [](const Tensor& x) { return gather(x, Tensor::from<int64_t>({2, 0, 2, 2})); };
  expect_recorded({
      {"real",
       pick,
       fill({2, 3}, 7, 3, 11),
       {0.0454545454545, -0.227272727273, 0.0454545454545, 0.0454545454545, -0.0454545454545,
        -0.318181818182, -0.0454545454545, -0.0454545454545},
       {0.409090909091, 0, -0.5, -0.0454545454545, 0, 0.136363636364}},
      {"complex",
       pick,
       complex_fill({3}, 7, 3, 11),
       {0.0454545454545, -0.5, -0.227272727273, -0.136363636364, 0.0454545454545, -0.5,
        0.0454545454545, -0.5},
       {0.409090909091, -0.318181818182, 0, 0, -0.5, -0.318181818182}},
  });
}

TEST(Gather, F32LikeF64) {
  Tensor index({2000}, DType::i64);
  for (int64_t i = 0; i < 2000; ++i) index.mutable_data<int64_t>()[i] = 7 * i % 37;
  expect_f32_like_f64([&](const auto& x) { return gather(x[0], index); },
                      {fill({50, 37}, 7, 3, 1009)}, 1e-5);
}

TEST(Gather, NothingIsPickedOrThereAreNoRows) {
  EXPECT_EQ(gather(Tensor({2, 3}), Tensor({0}, DType::i64)).shape(), (Shape{2, 0}));
  EXPECT_EQ(gather(Tensor({0, 3}), Tensor::from<int64_t>({2, 2})).shape(), (Shape{0, 2}));
}

TEST(Gather, AnIndexWrittenBeforeBackwardIsAnError) {
  Tensor index = Tensor::from<int64_t>({0, 1});
  Tape tape;
  const Tensor y = gather(tape.watch(Tensor::zeros({2})), index);
  index.mutable_data<int64_t>()[0] = 1000000;
  expect_error([&] { tape.backward(sum(y)); }, {"[2] i64", "was written"});
}

TEST(Gather, ErrorsNameIndexAndRule) {
  const Tensor x({2, 3});
  expect_error(
      [&] {
        gather(x, Tensor::from<int64_t>({0, 3}));
      },
      {"gather: index[1] is 3", "[2, 3] f32 has 3 positions", "0 .. 2"});
  expect_error([&] { gather(x, Tensor::from<int64_t>({-1})); }, {"index[0] is -1"});
  expect_error([&] { gather(x, Tensor({2})); }, {"index [2] f32", "i64"});
  expect_error([&] { gather(x, Tensor({2, 2}, DType::i64)); }, {"index [2, 2] i64", "i64 [m]"});
  expect_error([&] { gather(Tensor({}, DType::f32), Tensor::from<int64_t>({0})); },
               {"needs an axis"});
  expect_error([&] { gather(x.to(DType::i64), Tensor::from<int64_t>({0})); }, {"gather", "i64"});
}

}  // namespace
}  // namespace papilio
