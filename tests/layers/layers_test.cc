// The layers that are no structured matrices. Expected numbers come from PyTorch's layers of the
// same names, after a permutation of the axes; inputs and weights are fill() of recorded_values.h.
#include <gtest/gtest.h>

#include "papilio/core/gradient_check.h"
#include "papilio/layers/conv2d.h"
#include "papilio/layers/dropout.h"
#include "papilio/layers/linear.h"
#include "papilio/layers/norm.h"
#include "papilio/layers/pool.h"
#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio {
namespace {

constexpr DType f64 = DType::f64;

void set(Module& module, const std::vector<Tensor>& values) {
  std::vector<Parameter> parameters = module.parameters();
  ASSERT_EQ(parameters.size(), values.size());
  for (size_t i = 0; i < values.size(); ++i) parameters[i].mutable_value().assign(values[i]);
}

Tensor buffer(Module& module, const std::string& name) {
  struct Finder : Fields {
    std::string name;
    Tensor found;
    void buffer(const std::string& path, Tensor& member) override {
      if (path == name) found = member;
    }
  } finder;
  finder.name = name;
  module.fields(finder);
  return finder.found;
}

TEST(Linear, EqualsPyTorch) {
  Linear layer(3, 2, {.dtype = f64}, Rng(1));
  set(layer, {fill({2, 3}, 7, 3, 11), fill({2}, 3, 2, 7)});
  expect_numbers(layer(fill({2, 3}, 5, 2, 13)),
                 {-0.1006493506, 0.3174325674, -0.1111388611, 0.3558941059}, 1e-9);
}

// Conv2d(2, 4, 3, stride=2, padding=1, groups=2)
TEST(Conv2d, EqualsPyTorch) {
  Conv2d layer(2, 4, 3, {.stride = 2, .padding = 1, .groups = 2, .dtype = f64}, Rng(1));
  set(layer, {fill({4, 1, 3, 3}, 7, 3, 11), fill({4}, 3, 2, 7)});
  const Tensor y = layer(fill({1, 3, 3, 2}, 5, 2, 13));
  EXPECT_EQ(y.shape(), Shape({1, 2, 2, 4}));
  expect_numbers(
      y,
      {-0.3156843157, 0.1758241758, -0.517982018, 0.1728271728, -0.2912087912, 0.3331668332,
       -0.2452547453, 0.2357642358, -0.1583416583, 0.2702297702, -0.2102897103, 0.1868131868,
       -0.4310689311, 0.2877122877, -0.3011988012, -0.04045954046},
      1e-9);
  EXPECT_EQ(layer.describe(), "Conv2d(2, 4, 3, stride = 2, padding = 1, groups = 2)");
  EXPECT_EQ(layer.cost({1, 3, 3, 2}).flops, 16 * (2 * 9 + 1));
}

TEST(Conv2d, ErrorsNameShapesAndRule) {
  expect_error([] { Conv2d(3, 4, 3, {.groups = 2}, Rng(1)); }, {"2 groups", "3 channels"});
  expect_error([] { Conv2d(3, 4, 0, {}, Rng(1)); }, {"kernel 0"});
  expect_error([] { Conv2d(3, 4, 3, {.stride = 0}, Rng(1)); }, {"stride 0"});
  Conv2d layer(3, 4, 3, {}, Rng(1));
  expect_error(
      [&] {
        layer(Tensor::zeros({2, 3, 8, 8}));
      },
      {"[2, 3, 8, 8]", "8 channels", "takes 3", "channels-last"});
  expect_error([&] { layer(Tensor::zeros({8, 3})); }, {"[8, 3]", "[batch, height, width, 3]"});
}

// Uniform in +-1/sqrt(fan in), as PyTorch begins; or normal with variance 1/fan in.
TEST(DenseInit, HasItsVariance) {
  const auto variance = [](const Parameter& p) {
    double squares = 0;
    for (const double v : numbers(p)) squares += v * v;
    return squares / static_cast<double>(p.value().numel());
  };
  const Linear uniform(100, 400, {}, Rng(1)), normal(100, 400, {.init = "normal"}, Rng(1));
  const Conv2d conv(16, 64, 5, {.groups = 4}, Rng(1));
  EXPECT_NEAR(variance(uniform.weight()), 1 / 300.0, 1e-4);
  EXPECT_NEAR(variance(uniform.bias()), 1 / 300.0, 6e-4);
  EXPECT_NEAR(variance(normal.weight()), 1 / 100.0, 4e-4);
  EXPECT_NEAR(variance(conv.weight()), 1 / 300.0, 2e-4);
  for (const double v : numbers(uniform.weight())) ASSERT_LE(std::abs(v), 0.1);
}

// BatchNorm2d(3) after x = fill(7, 3, 11) and fill(3, 3, 11) of [2, 2, 2, 3]; y of fill(5, 2, 13).
TEST(BatchNorm2d, StatisticsRunAsInPyTorch) {
  BatchNorm2d layer(3, {.dtype = f64});
  set(layer, {fill({3}, 5, 1, 13), fill({3}, 3, 2, 7)});
  for (const int64_t a : {7, 3}) {
    const Tape tape;
    layer(fill({2, 2, 2, 3}, a, 3, 11));
  }
  const auto expect_statistics = [&] {
    expect_numbers(buffer(layer, "running_mean"),
                   {-0.01545454545, -0.0009090909091, -0.007613636364}, 1e-9);
    expect_numbers(buffer(layer, "running_var"), {0.8315702479, 0.8213105077, 0.8251903778}, 1e-9);
  };
  expect_statistics();
  const Tensor x = fill({1, 1, 2, 3}, 5, 2, 13);
  const std::vector<double> inference = {-0.06085916017, 0.2126148442, -0.1930253904,
                                         -0.1322354383,  0.2060856895, -0.5154578716};
  expect_numbers(layer(x), inference, 1e-9);
  {
    const Tape tape;
    const NoTape validation;
    expect_numbers(layer(x), inference, 1e-9);
  }
  expect_statistics();
  const Tape tape;
  expect_numbers(
      layer(x),
      {0.2084341613, 0.2527147939, -0.01099868001, -0.6370055899, 0.1758566347, -0.7032870343},
      1e-9);
}

TEST(BatchNorm2d, OneValueAChannelHasNoVariance) {
  BatchNorm2d layer(3);
  EXPECT_EQ(numbers(layer(Tensor::zeros({1, 3}))), numbers(Tensor::zeros({1, 3})));
  const Tape tape;
  expect_error([&] { layer(Tensor::zeros({1, 3})); }, {"[1, 3]", "no variance"});
  expect_error([&] { layer(Tensor::zeros({4, 5})); }, {"[4, 5]", "3 channels"});
}

TEST(LayerNorm, EqualsPyTorch) {
  LayerNorm layer(3, {.dtype = f64});
  set(layer, {fill({3}, 5, 1, 13), fill({3}, 3, 2, 7)});
  expect_numbers(
      layer(fill({2, 3}, 7, 3, 11)),
      {0.2774950344, 0.1651076394, -0.3973794639, 0.2774950344, 0.1651076394, -0.3973794639}, 1e-9);
  expect_error([&] { layer(Tensor::zeros({2, 4}, f64)); }, {"[2, 4]", "[..., 3]"});
}

TEST(Pooling, EqualsPyTorch) {
  const Tensor x = fill({1, 4, 4, 1}, 7, 3, 17);
  MaxPool2d maximum({.kernel = 3, .stride = 2, .padding = 1});
  AvgPool2d average;
  GlobalAvgPool2d global;
  expect_numbers(maximum(x), {0.3235294118, 0.1470588235, 0.3823529412, 0.4411764706}, 1e-9);
  expect_numbers(average(x), {-0.04411764706, -0.2205882353, 0, 0.07352941176}, 1e-9);
  expect_numbers(global(x), {-0.04779411765}, 1e-9);
  EXPECT_EQ(global(x).shape(), Shape({1, 1}));
  EXPECT_EQ(maximum.describe(), "MaxPool2d(3, stride = 2, padding = 1)");
}

TEST(Flatten, KeepsTheBatch) {
  EXPECT_EQ(Flatten()(Tensor::zeros({2, 3, 4, 5})).shape(), Shape({2, 60}));
  EXPECT_EQ(Flatten()(Tensor::zeros({2})).shape(), Shape({2, 1}));
  EXPECT_EQ(Flatten()(Tensor::zeros({0, 3})).shape(), Shape({0, 3}));
}

TEST(Dropout, IsTheIdentityWithoutATape) {
  Dropout layer(0.5, Rng(1));
  const Tensor x = randn({100}, Rng(2));
  EXPECT_EQ(numbers(layer(x)), numbers(x));
  const Tape tape;
  const NoTape validation;
  EXPECT_EQ(numbers(layer(x)), numbers(x));
  EXPECT_EQ(buffer(layer, "calls").to_vector<int64_t>(), std::vector<int64_t>{0});
}

TEST(Dropout, ZeroesAndScalesInTraining) {
  Dropout layer(0.25, Rng(1));
  const Tape tape;
  const std::vector<double> y = numbers(layer(Tensor::full({10000}, 3, f64)));
  const auto zeros = std::count(y.begin(), y.end(), 0.0);
  EXPECT_EQ(std::count(y.begin(), y.end(), 4.0), 10000 - zeros);
  EXPECT_NEAR(static_cast<double>(zeros), 2500, 5 * std::sqrt(10000 * 0.25 * 0.75));
}

TEST(Dropout, MasksAreAFunctionOfKeyAndCall) {
  const Tensor x = Tensor::full({1000}, 1);
  Dropout first(0.5, Rng(1)), resumed(0.5, Rng(1)), other(0.5, Rng(2));
  const Tape tape;
  const auto one = numbers(first(x));
  buffer(resumed, "calls").assign(buffer(first, "calls"));
  const auto two = numbers(first(x));
  EXPECT_NE(one, two);
  EXPECT_EQ(numbers(resumed(x)), two);
  EXPECT_NE(numbers(other(x)), one);
}

TEST(Dropout, RefusesProbabilitiesThatMakeNoSense) {
  for (const double p : {-0.1, 1.0, std::nan("")})
    expect_error([p] { Dropout(p, Rng(1)); }, {"dropout: probability", "below 1"});
}

TEST(Standardize, SubtractsAndDivides) {
  Standardize layer(Tensor::from<double>({1, 2}), Tensor::from<double>({4, 0}));  // 0 counts as 1
  expect_numbers(layer(Tensor::from<double>({3, 5, 1, 1}).view({2, 2})), {0.5, 3, 0, -1}, 0);
  Standardize pixels({2, 1, 3});
  EXPECT_EQ(numbers(pixels(Tensor::full({4, 2, 1, 3}, 5))), std::vector<double>(24, 5));
  expect_error([&] { pixels(Tensor::zeros({4, 1, 2, 3})); }, {"[4, 1, 2, 3]", "[2, 1, 3]"});
  expect_error([] { Standardize(Tensor::zeros({2}), Tensor::zeros({3})); }, {"[2]", "[3]"});
}

TEST(BatchNorm2d, FusedActivationAndResidual) {
  BatchNorm2d plain(3), fused(3);
  fused.fuse(Activation::relu);
  const Tensor x = randn({2, 4, 4, 3}, Rng(1)), residual = randn({2, 4, 4, 3}, Rng(2));
  for (const bool training : {true, false}) {
    std::unique_ptr<Tape> tape = training ? std::make_unique<Tape>() : nullptr;
    EXPECT_EQ(numbers(fused(x)), numbers(relu(plain(x))));
    EXPECT_EQ(numbers(fused.forward(x, residual)), numbers(relu(plain(x) + residual)));
    EXPECT_EQ(numbers(plain.forward(x, residual)), numbers(plain(x) + residual));
    fused(x), fused(x);  // as often as `plain`, whose statistics run along
  }
}

TEST(DenseLayers, HaveTheGradientsOfTheirParameters) {
  Conv2d conv(2, 3, 3, {.padding = 1, .dtype = f64}, Rng(1));
  BatchNorm2d batch(2, {.dtype = f64});
  LayerNorm layer(2, {.dtype = f64});
  const Tensor x = randn({2, 3, 3, 2}, Rng(2), f64);
  for (Module* module : std::initializer_list<Module*>{&conv, &batch, &layer}) {
    const auto report =
        check_parameter_gradient([&] { return (*module)(x); }, module->parameters());
    EXPECT_TRUE(report.ok) << module->describe() << ": " << report.message;
  }
}

}  // namespace
}  // namespace papilio
