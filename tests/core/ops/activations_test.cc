// relu, sigmoid, tanh and gelu.
#include <limits>

#include "papilio/tests/core/ops/gradient_check_table.h"
#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio::testing {
namespace {

const GradientRows rows = {
    {"relu", "matrix", {real({3, 7})}, [](auto x) { return relu(x[0]); }},
    {"relu", "twice", {real({2, 3})}, [](auto x) { return relu(relu(x[0])); }},
    {"sigmoid", "matrix", {real({3, 7})}, [](auto x) { return sigmoid(x[0]); }},
    {"sigmoid", "flat", {uniform({7}, -30, 30)}, [](auto x) { return sigmoid(x[0]); }},
    {"tanh", "matrix", {real({3, 7})}, [](auto x) { return papilio::tanh(x[0]); }},
    {"tanh", "flat", {uniform({7}, -10, 10)}, [](auto x) { return papilio::tanh(x[0]); }},
    {"gelu", "matrix", {real({3, 7})}, [](auto x) { return gelu(x[0]); }},
    {"gelu", "flat", {uniform({7}, -6, 6)}, [](auto x) { return gelu(x[0]); }},
};

}  // namespace
}  // namespace papilio::testing

namespace papilio {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
using Activation = Tensor (*)(const Tensor&);
constexpr std::pair<const char*, Activation> kActivations[] = {
    {"relu", relu}, {"sigmoid", sigmoid}, {"tanh", papilio::tanh}, {"gelu", gelu}};

// x = 4 * fill((2, 3), 7, 3, 11); y = F.relu(x) and so on; y.backward(seed(y))
TEST(Activations, EqualPyTorch) {
  const Tensor x = fill({2, 3}, 7, 3, 11, 4);
  expect_recorded({
      {"relu",
       relu,
       x,
       {0, 1.63636363636, 0.181818181818, 0, 1.27272727273, 0},
       {0, 0.409090909091, 0.0454545454545, 0, 0.318181818182, 0}},
      {"sigmoid",
       sigmoid,
       x,
       {0.287185901383, 0.837039529298, 0.545329738889, 0.218790745447, 0.781209254553,
        0.454670261111},
       {-0.046525036234, 0.0558017818735, 0.0112702370351, -0.0543840675489, 0.0543840675489,
        -0.0112702370351}},
      {"tanh",
       papilio::tanh,
       x,
       {-0.720695633166, 0.926962505115, 0.179840818525, -0.854535105687, 0.854535105687,
        -0.179840818525},
       {-0.109226773712, 0.0575756648637, 0.0439844218178, -0.085835830547, 0.085835830547,
        -0.0439844218178}},
      {"gelu",
       gelu,
       x,
       {-0.165137336767, 1.55310258686, 0.104024962244, -0.129254895855, 1.14347237687,
        -0.0777932195746},
       {0.0132417330074, 0.458285247005, 0.0292492355253, 0.0395613223096, 0.357743140491,
        -0.0162053099292}},
  });
}

TEST(Activations, F32LikeF64) {
  for (const auto& [name, op] : kActivations) {
    SCOPED_TRACE(name);
    expect_f32_like_f64([op = op](const auto& x) { return op(x[0]); },
                        {fill({3, 37}, 7, 3, 101, 8)});
  }
}

TEST(Activations, FarArgumentsNeitherOverflowNorBecomeNaN) {
  const Tensor x = Tensor::from<double>({-1e300, -800, 800, 1e300});
  expect_numbers(relu(x), {0, 0, 800, 1e300});
  expect_numbers(sigmoid(x), {0, 0, 1, 1});
  expect_numbers(papilio::tanh(x), {-1, -1, 1, 1});
  expect_numbers(gelu(x), {0, 0, 800, 1e300});
  for (const auto& [name, op] : kActivations) {
    SCOPED_TRACE(name);
    const double last = op == relu || op == gelu ? 1 : 0;
    const auto ones = [](const Tensor& y) { return Tensor::full(y.shape(), 1, y.dtype()); };
    const auto apply = [op = op](const auto& in) { return op(in[0]); };
    expect_numbers(differentiate(apply, {x}, ones).gradients[0], {0, 0, last, last});
  }
}

// -10 * (1 - math.erf(10 / 2**.5)) / 2 is 0 in double precision; with mpmath -10 * ncdf(-10)
TEST(Gelu, KeepsItsDigitsAtFarNegativeArguments) {
  EXPECT_NEAR(gelu(Tensor::from<double>({-10})).item() / -7.619853024160526e-23, 1, 1e-12);
}

TEST(Relu, NaNStaysNaNAndInfinityKeepsItsSide) {
  const auto y = relu(Tensor::from<double>({NAN, kInfinity, -kInfinity, -0.0})).to_vector<double>();
  EXPECT_TRUE(std::isnan(y[0]));
  EXPECT_EQ((std::vector<double>{y.begin() + 1, y.end()}), (std::vector<double>{kInfinity, 0, 0}));
}

// torch.relu gives 0 * inf = 0 too: the gradient is chosen, not multiplied.
TEST(Relu, AnInfiniteGradientDoesNotPassAClosedGate) {
  const Derivatives d =
      differentiate([](const auto& x) { return relu(x[0]); }, {Tensor::from<double>({-1, 0})},
                    [](const Tensor& y) { return Tensor::full(y.shape(), kInfinity, y.dtype()); });
  expect_numbers(d.gradients[0], {0, 0});
}

TEST(Activations, ComplexAndIntegersAreErrors) {
  for (const auto& [name, op] : kActivations)
    for (const DType dtype : {DType::c64, DType::c128, DType::i64})
      expect_error([&, op = op] { op(Tensor({2}, dtype)); },
                   {name, std::string(text(dtype)), "expected f32 or f64"});
}

TEST(Activations, EmptyTensors) {
  for (const auto& [name, op] : kActivations) EXPECT_EQ(op(Tensor({0, 3})).shape(), (Shape{0, 3}));
}

}  // namespace
}  // namespace papilio
