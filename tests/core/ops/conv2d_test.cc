#include "papilio/tests/core/ops/gradient_check_table.h"
#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio::testing {
namespace {

auto convolution(const Conv2dOptions& options) {
  return [options](auto x) { return conv2d(x[0], x[1], x.size() > 2 ? x[2] : Tensor(), options); };
}
GradientCase row(const char* name, const Shape& x, const Shape& weight,
                 const Conv2dOptions& options) {
  return {"conv2d", name, {real(x), real(weight), real({weight[0]})}, convolution(options)};
}

const GradientRows rows = {
    {"conv2d", "no_bias", {real({2, 3, 3, 2}), real({3, 2, 2, 2})}, convolution({})},
    row("one_number", {1, 1, 1, 1}, {1, 1, 1, 1}, {}),
    row("one_by_one", {2, 3, 2, 7}, {3, 7, 1, 1}, {}),
    row("one_by_one_strided", {1, 3, 7, 2}, {3, 2, 1, 1}, {.stride = 2}),
    row("padded", {2, 3, 2, 3}, {2, 3, 3, 3}, {.padding = 1}),
    row("padding_only", {1, 1, 2, 1}, {1, 1, 1, 1}, {.padding = 2}),
    row("strided", {1, 7, 7, 2}, {3, 2, 3, 3}, {.stride = 2, .padding = 1}),
    row("stride_above_kernel", {1, 7, 7, 1}, {2, 1, 2, 2}, {.stride = 3}),
    row("dilated", {1, 7, 7, 2}, {1, 2, 3, 3}, {.padding = 2, .dilation = 2}),
    row("not_square", {1, 3, 7, 2}, {2, 2, 2, 3}, {.padding = 1}),
    row("groups", {1, 3, 3, 6}, {4, 3, 2, 2}, {.groups = 2}),
    row("grouped_one_by_one", {2, 2, 2, 6}, {3, 2, 1, 1}, {.groups = 3}),
    row("depthwise", {1, 3, 3, 7}, {7, 1, 3, 3}, {.padding = 1, .groups = 7}),
    row("depthwise_strided", {1, 7, 3, 3}, {3, 1, 3, 3}, {.stride = 2, .padding = 1, .groups = 3}),
    row("depthwise_two_each", {1, 3, 3, 2}, {4, 1, 2, 2}, {.dilation = 2, .groups = 2}),
    {"conv2d",
     "x_as_weight",
     {real({2, 2, 2, 2})},
     [](auto x) { return conv2d(x[0], x[0], {}, {.padding = 1}); }},
};

}  // namespace
}  // namespace papilio::testing

namespace papilio {
namespace {

auto convolve(const Conv2dOptions& options) {
  return [options](const std::vector<Tensor>& in) {
    return conv2d(in[0], in[1], in.size() > 2 ? in[2] : Tensor(), options);
  };
}

// x = fill((1, 4, 3, 2), 7, 3, 11); w = fill((2, 2, 3, 2), 5, 1, 13); b = fill((2,), 3, 2, 7)
// y = F.conv2d(x.permute(0, 3, 1, 2), w, b, stride=2, padding=1).permute(0, 2, 3, 1)
// y.backward(fill(y.shape, 7, 3, 11))
TEST(Conv2d, EqualsPyTorch) {
  const Derivatives d = differentiate(
      convolve({.stride = 2, .padding = 1}),
      {fill({1, 4, 3, 2}, 7, 3, 11), fill({2, 2, 3, 2}, 5, 1, 13), fill({2}, 3, 2, 7)});
  EXPECT_EQ(d.output.shape(), (Shape{1, 2, 2, 2}));
  expect_numbers(d.output,
                 {0.02347652348, 0.04295704296, -0.4275724276, 0.1898101898, -0.3331668332,
                  0.4555444555, -0.3541458541, 0.9170829171},
                 1e-9);
  expect_numbers(
      d.gradients[0],
      {0.2027972028,  -0.1503496503,  0.02797202797, -0.1013986014,  -0.1223776224, 0.1118881119,
       0.1678321678,  0.3076923077,   0.3076923077,  -0.05944055944, -0.1398601399, -0.2797202797,
       -0.1013986014, 0.02797202797,  -0.1503496503, 0.2027972028,   0.1888111888,  -0.09440559441,
       -0.1643356643, -0.08041958042, -0.1083916084, -0.1643356643,  0.2307692308,  0.1748251748},
      1e-9);
  expect_numbers(
      d.gradients[1],
      {0.05578512397,  -0.1859504132,  0.132231405,   0.2148760331,  0.1983471074,   0.2644628099,
       0.2045454545,   0.1652892562,   -0.1446280992, 0.0867768595,  -0.07851239669, -0.2727272727,
       -0.03099173554, 0.04958677686,  -0.0867768595, -0.2231404959, -0.07024793388, -0.2727272727,
       -0.1136363636,  -0.06198347107, 0.173553719,   0.0867768595,  0.1900826446,   0.2644628099},
      1e-9);
  expect_numbers(d.gradients[2], {-0.2727272727, 0.2727272727}, 1e-9);
}

// The same of x = fill((1, 3, 2, 4), 7, 3, 11), w = fill((2, 2, 2, 2), 5, 1, 13) with padding=2,
// dilation=2, groups=2
TEST(Conv2d, EqualsPyTorchWithGroupsAndDilation) {
  const Derivatives d = differentiate(
      convolve({.padding = 2, .dilation = 2, .groups = 2}),
      {fill({1, 3, 2, 4}, 7, 3, 11), fill({2, 2, 2, 2}, 5, 1, 13), fill({2}, 3, 2, 7)});
  EXPECT_EQ(d.output.shape(), (Shape{1, 5, 4, 2}));
  expect_numbers(
      d.gradients[0],
      {0.3846153846,  -0.1328671329, -0.1608391608, 0.3426573427,  -0.06643356643, -0.08041958042,
       0.01048951049, 0.01748251748, 0.3496503497,  -0.1538461538, 0.02447552448,  0.003496503497,
       -0.1013986014, -0.1013986014, 0.3496503497,  -0.1678321678, -0.03146853147, -0.05944055944,
       0.01748251748, 0.01048951049, -0.1363636364, -0.1223776224, 0.3426573427,   -0.1608391608},
      1e-9);
  expect_numbers(
      d.gradients[1],
      {0.07851239669, -0.004132231405, -0.2520661157, 0.02892561983, 0.1280991736, -0.03719008264,
       0.1033057851, 0.02892561983, 0.194214876, -0.05371900826, -0.2520661157, 0.09090909091,
       -0.3719008264, 0.2066115702, 0.305785124, -0.1611570248},
      1e-9);
  expect_numbers(d.gradients[2], {-0.7272727273, -1}, 1e-9);
  const std::vector<double> y = numbers(d.output);
  EXPECT_NEAR(y[0], -0.04295704296, 1e-9);
  EXPECT_NEAR(y[21], 0.2387612388, 1e-9);
  EXPECT_NEAR(y[39], 0.3716283716, 1e-9);
}

TEST(Conv2d, FastPathAgreesWithReference) {
  struct Case {
    Shape x, weight;
    Conv2dOptions options;
  };
  const Case cases[] = {
      {{2, 7, 5, 3}, {4, 3, 3, 3}, {}},
      {{2, 7, 5, 3}, {4, 3, 3, 3}, {.padding = 1}},
      {{2, 8, 9, 3}, {24, 3, 3, 3}, {.stride = 2, .padding = 1}},
      {{2, 8, 9, 16}, {32, 16, 3, 3}, {.stride = 3, .padding = 2, .dilation = 2}},
      {{1, 5, 6, 7}, {11, 7, 1, 1}, {}},                             // 1x1
      {{3, 5, 6, 32}, {16, 32, 1, 1}, {.stride = 2}},                // 1x1 that skips pixels
      {{2, 6, 6, 24}, {16, 3, 1, 1}, {.groups = 8}},                 // grouped 1x1
      {{2, 6, 7, 24}, {48, 8, 3, 3}, {.padding = 1, .groups = 3}},   // grouped
      {{2, 9, 8, 20}, {20, 1, 3, 3}, {.padding = 1, .groups = 20}},  // depthwise
      {{2, 9, 8, 32},
       {32, 1, 3, 3},
       {.stride = 2, .padding = 1, .groups = 32}},  // depthwise, every other pixel
      {{2, 9, 8, 16},
       {32, 1, 3, 3},
       {.padding = 2, .dilation = 2, .groups = 16}},  // two outputs a channel
      {{2, 5, 9, 3}, {6, 3, 5, 2}, {.padding = 1}},   // not square
      {{1, 2, 2, 3}, {2, 3, 4, 4}, {.padding = 1}},   // one output
      {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
      {{1, 3, 3, 2}, {2, 2, 1, 1}, {.padding = 2}},  // more padding than kernel
  };
  for (const auto& [x, weight, options] : cases) {
    SCOPED_TRACE(concat(x, " * ", weight, " stride ", options.stride, " padding ", options.padding,
                        " dilation ", options.dilation, " groups ", options.groups));
    const Tensor input = fill(x, 7, 3, 101), w = fill(weight, 5, 1, 103);
    expect_f32_like_f64(convolve(options), {input, w, fill({weight[0]}, 3, 2, 7)});
    expect_f32_like_f64(convolve(options), {input, w});
  }
}

TEST(Conv2dFused, IsTheOpsOneByOne) {
  struct Case {
    Shape x, weight;
    Conv2dOptions options;
  };
  const Case cases[] = {
      {{2, 6, 5, 24}, {48, 3, 1, 1}, {.groups = 8}},
      {{2, 6, 5, 24}, {24, 1, 3, 3}, {.stride = 2, .padding = 1, .groups = 24}},
      {{2, 6, 5, 16}, {32, 16, 3, 3}, {.padding = 1}},
  };
  for (const auto& [shape, weight_shape, options] : cases)
    for (const DType dtype : {DType::f32, DType::f64}) {
      SCOPED_TRACE(concat(weight_shape, " ", dtype));
      const int64_t channels = shape[-1];
      const Tensor x = fill(shape, 7, 3, 101).to(dtype),
                   w = fill(weight_shape, 5, 1, 103).to(dtype),
                   bias = fill({weight_shape[0]}, 3, 2, 7).to(dtype);
      Tensor order({channels}, DType::i64);
      for (int64_t i = 0; i < channels; ++i)
        order.mutable_data<int64_t>()[i] = (i * 5 + 1) % channels;
      const Tensor plain = conv2d(gather(x, order), w, bias, options),
                   residual = fill(plain.shape(), 11, 5, 97).to(dtype);
      const Tensor y = conv2d_fused(
          x, w,
          {.bias = bias, .residual = residual, .activation = Activation::relu, .order = order},
          options);
      expect_numbers(y, numbers(relu(plain + residual)), dtype == DType::f32 ? 1e-5 : 1e-12);
    }
}

TEST(Conv2dFused, SeesANewWeight) {
  const Tensor x = fill({1, 4, 4, 24}, 7, 3, 101);
  for (const Shape& shape : {Shape{48, 3, 1, 1}, Shape{24, 1, 3, 3}, Shape{32, 24, 3, 3}}) {
    const Conv2dOptions options{.padding = shape[2] / 2, .groups = 24 / shape[1]};
    Tensor w = fill(shape, 5, 1, 103).to(DType::f32);
    const Tensor input = x.to(DType::f32);
    for (int time = 0; time < 3; ++time) {
      const Tensor expected = conv2d(x, w.to(DType::f64), {}, options);
      expect_numbers(conv2d(input, w, {}, options), numbers(expected), 1e-5);
      expect_numbers(conv2d_fused(input, w, {}, options), numbers(expected), 1e-5);
      for (float *p = w.mutable_data<float>(), *end = p + w.numel(); p != end; ++p) *p += 0.25f;
    }
  }
}

TEST(Conv2dFused, ErrorsNameTheRemedy) {
  const Tensor x({2, 4, 4, 6}), w({3, 2, 1, 1});
  const Conv2dOptions options{.groups = 3};
  const auto run = [&](const Conv2dFusion& fused) { conv2d_fused(x, w, fused, options); };
  expect_error([&] { run({.residual = Tensor({2, 4, 4, 2})}); }, {"residual", "[2, 4, 4, 3]"});
  expect_error([&] { run({.order = Tensor({3}, DType::i64)}); }, {"order", "[6]"});
  expect_error([&] { run({.order = Tensor::full({6}, 6, DType::i64)}); }, {"order", "0 .. 5"});
  expect_error([&] { run({.order = Tensor::zeros({6})}); }, {"i64"});
  expect_error(
      [&] {
        Tape tape;
        conv2d_fused(tape.watch(x), w, {}, options);
      },
      {"for inference", "conv2d()", "NoTape"});
}

TEST(Conv2d, EmptyBatch) {
  const auto zero = [](const Tensor& y) { return Tensor::zeros(y.shape(), y.dtype()); };
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Derivatives d =
        differentiate(convolve({}),
                      {Tensor({0, 4, 4, 2}, dtype), Tensor::full({3, 2, 3, 3}, 1, dtype),
                       Tensor::zeros({3}, dtype)},
                      zero);
    EXPECT_EQ(d.output.shape(), (Shape{0, 2, 2, 3}));
    expect_numbers(d.gradients[1], std::vector<double>(54, 0.0));
    expect_numbers(d.gradients[2], {0, 0, 0});
  }
}

TEST(Conv2d, ErrorsNameShapesAndRemedy) {
  const Tensor x({2, 8, 8, 3}), weight({4, 3, 3, 3});
  expect_error(
      [&] {
        conv2d(Tensor({2, 2, 8, 3}), weight);
      },
      {"conv2d: x[2, 2, 8, 3] with padding 0 is smaller than the kernel 3 x 3", "enlarge"});
  expect_error([&] { conv2d(x, weight, {}, {.dilation = 4}); },
               {"smaller than the kernel", "dilation 4"});
  expect_error(
      [&] {
        conv2d(Tensor({2, 3, 8, 8}), weight);
      },
      {"8 channels", "takes 3", "[batch, height, width, channels]"});
  expect_error([&] { conv2d(x, weight, {}, {.groups = 3}); }, {"groups = 3 takes 9"});
  expect_error([&] { conv2d(x, weight, {}, {.stride = 0}); }, {"stride = 0", "at least 1"});
  expect_error([&] { conv2d(x, weight, {}, {.padding = -1}); }, {"padding = -1"});
  expect_error([&] { conv2d(x, weight, Tensor({3})); }, {"bias", "[3]", "[4]"});
  expect_error([&] { conv2d(x, weight.to(DType::f64)); }, {"dtypes", "to()"});
  expect_error(
      [&] {
        conv2d(Tensor({8, 8, 3}), weight);
      },
      {"[8, 8, 3]", "[batch, height, width, channels]"});
  expect_error([&] { conv2d(x.to(DType::c64), weight.to(DType::c64)); },
               {"conv2d", "c64", "f32 or f64"});
}

}  // namespace
}  // namespace papilio
