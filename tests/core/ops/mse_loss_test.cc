#include "papilio/tests/core/ops/gradient_check_table.h"
#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio::testing {
namespace {

Tensor loss(std::span<const Tensor> x) { return mse_loss(x[0], x[1]); }

const GradientRows rows = {
    {"mse_loss", "matrix", {real({3, 7}), real({3, 7})}, loss},
    {"mse_loss", "scalar", {real({}), real({})}, loss},
    {"mse_loss", "complex", {cplx({2, 3}), cplx({2, 3})}, loss},
    {"mse_loss",
     "target",
     {real({7})},
     [](auto x) { return mse_loss(Tensor::zeros({7}, DType::f64), x[0]); }},
    {"mse_loss", "itself", {cplx({2})}, [](auto x) { return mse_loss(x[0], scale(x[0], 3)); }},
};

}  // namespace
}  // namespace papilio::testing

namespace papilio {
namespace {

Tensor apply(const std::vector<Tensor>& in) { return mse_loss(in[0], in[1]); }

// p = fill((2, 3), 7, 3, 11); t = fill((2, 3), 5, 1, 13); y = F.mse_loss(p, t)
// y.backward(seed(y)); seed(y) = -0.227...
TEST(MseLoss, EqualsPyTorch) {
  const Derivatives d = differentiate(apply, {fill({2, 3}, 7, 3, 11), fill({2, 3}, 5, 1, 13)});
  EXPECT_EQ(d.output.shape(), Shape{});
  const std::vector<double> gradient = {-0.0148336511973, -0.0339054884509, 0.022780250053,
                                        0.00370841279932, -0.0153634244543, -0.034435261708};
  expect_numbers(d.output, {0.0965328377916});
  expect_numbers(d.gradients[0], gradient);
  expect_numbers(scale(d.gradients[1], -1), gradient);
}

// The same of cfill((3,), ...) and y = ((p - t).abs()**2).mean()
TEST(MseLoss, EqualsPyTorchOnComplexNumbers) {
  const Derivatives d =
      differentiate(apply, {complex_fill({3}, 7, 3, 11), complex_fill({3}, 5, 1, 13)});
  EXPECT_EQ(d.output.dtype(), DType::f64);
  const std::vector<double> gradient = {-0.0296673023946, -0.0317863954228, -0.0678109769019,
                                        0.0773468955287,  0.045560500106,   0.034965034965};
  expect_numbers(d.output, {0.228976152053});
  expect_numbers(d.gradients[0], gradient);
  expect_numbers(scale(d.gradients[1], -1), gradient);
}

TEST(MseLoss, F32LikeF64) {
  expect_f32_like_f64(apply, {fill({50, 37}, 7, 3, 1009), fill({50, 37}, 5, 1, 1013)});
  expect_f32_like_f64(apply, {complex_fill({37}, 7, 3, 101), complex_fill({37}, 5, 1, 103)});
}

TEST(MseLoss, ErrorsNameBothTensors) {
  const Tensor p({2, 3});
  expect_error([&] { mse_loss(p, Tensor({3})); }, {"mse_loss", "[2, 3] f32", "[3] f32", "reshape"});
  expect_error([&] { mse_loss(p, p.to(DType::f64)); }, {"[2, 3] f32", "[2, 3] f64", "to()"});
  expect_error([] { mse_loss(Tensor({0, 3}), Tensor({0, 3})); }, {"[0, 3]", "not empty"});
}

}  // namespace
}  // namespace papilio
