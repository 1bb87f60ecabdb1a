#include "papilio/layers/conv_norm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "papilio/core/threads.h"
#include "papilio/layers/by_parts.h"
#include "papilio/layers/channel_mixers.h"
#include "papilio/optim/optimizer.h"
#include "papilio/tests/core/error_of.h"

namespace papilio {
namespace {

void expect_near(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.shape(), b.shape());
  double largest = 0, difference = 0;
  for (int64_t i = 0; i < a.numel(); ++i) {
    largest = std::max<double>(largest, std::abs(b.data<float>()[i]));
    difference = std::max<double>(difference, std::abs(a.data<float>()[i] - b.data<float>()[i]));
  }
  EXPECT_LE(difference, 1e-5 * largest);
  EXPECT_GT(largest, 0);
}

// A convolution, a norm whose statistics are not 0 and 1, and a ReLU.
struct Pair : Module {
  explicit Pair(bool bias = false)
      : conv(24, 48, 1, {.groups = 8, .bias = bias}, Rng(1)), norm(48) {
    norm.fuse(Activation::relu);
  }
  Tensor forward(const Tensor& x) override { return conv_norm(conv, norm, x); }
  Tensor unfolded(const Tensor& x, const Tensor& residual = {}) { return norm(conv(x), residual); }
  void fields(Fields& f) override { f("conv", conv), f("norm", norm); }
  // Moves statistics and parameters.
  void train(uint64_t seed) {
    optim::Sgd sgd(parameters(), {.lr = 0.1});
    Tape tape;
    tape.backward(
        sum(mul((*this)(randn({4, 5, 5, 24}, Rng(seed))), randn({4, 5, 5, 48}, Rng(seed + 1)))));
    sgd.step();
  }
  Conv2d conv;
  BatchNorm2d norm;
};

TEST(ConvNorm, IsTheTwoLayersAlsoAfterTheyChange) {
  for (const bool bias : {false, true}) {
    Pair pair(bias);
    const Tensor x = randn({3, 4, 5, 24}, Rng(3)), residual = randn({3, 4, 5, 48}, Rng(4));
    for (uint64_t step = 0; step < 3; ++step) {
      expect_near(pair(x), pair.unfolded(x));
      expect_near(conv_norm(pair.conv, pair.norm, x, {.residual = residual}),
                  pair.unfolded(x, residual));
      pair.train(10 * step + 5);
    }
  }
}

TEST(ConvNorm, RunsTheLayersWhereSomebodyWantsAGradientOrWatches) {
  Pair pair;
  const Tensor x = randn({3, 4, 5, 24}, Rng(3));
  {
    Tape tape;
    pair(x);
    EXPECT_EQ(tape.ops(), (std::vector<std::string_view>{"conv2d_batch_norm"}));
  }
  pair.freeze();
  const Tensor expected = pair.unfolded(x);
  {
    Tape tape;
    expect_near(pair(x), expected);
    EXPECT_TRUE(tape.ops().empty());
    const Tensor watched = tape.watch(x), y = pair(watched);
    EXPECT_EQ(tape.ops(), (std::vector<std::string_view>{"conv2d", "batch_norm"}));
    tape.backward(sum(y));
    EXPECT_TRUE(tape.gradient(watched).defined());
  }
  int seen = 0;
  const CallObserver observer([&](Module&, const Tensor&, const Tensor&) { ++seen; });
  pair(x);
  EXPECT_EQ(seen, 3);
}

// The one op that training records, its statistics among them, against the two layers.
TEST(ConvNorm, TrainsAsTheTwoLayersDo) {
  for (const bool bias : {false, true}) {
    Pair together(bias), apart(bias);
    const Tensor x = randn({3, 4, 5, 24}, Rng(3)), residual = randn({3, 4, 5, 48}, Rng(4)),
                 weight = randn({48, 24, 1, 1}, Rng(6)), dy = randn({3, 4, 5, 48}, Rng(5));
    const auto step = [&](Pair& pair, bool in_one) {
      Tape tape;
      const Tensor y = in_one ? conv_norm(pair.conv, pair.norm, x, {.residual = residual}) +
                                    conv_norm(weight, {}, pair.norm, x)
                              : pair.unfolded(x, residual) + pair.norm(conv2d(x, weight));
      tape.backward(y, dy);
      return y;
    };
    expect_near(step(together, true), step(apart, false));
    const auto ours = together.parameters(), theirs = apart.parameters();
    for (size_t i = 0; i < ours.size(); ++i) expect_near(ours[i].gradient(), theirs[i].gradient());
    expect_near(together(x), apart(x));  // by the running statistics
  }
}

// A depthwise convolution, a norm, a 1x1 convolution in groups, a norm and a ReLU.
struct Quadruple : Module {
  explicit Quadruple(int64_t groups = 8, bool bias = false)
      : depthwise(24, 24, 3, {.padding = 1, .groups = 24, .bias = false}, Rng(1)),
        expand(24, 96, 1, {.groups = groups, .bias = bias}, Rng(2)),
        first_norm(24),
        second_norm(96) {
    second_norm.fuse(Activation::relu);
  }
  Tensor forward(const Tensor& x) override { return (*this)(x, {}); }
  Tensor operator()(const Tensor& x, const Tensor& residual) {
    return conv_norm_twice(depthwise, first_norm, expand, second_norm, x, residual);
  }
  Tensor one_by_one(const Tensor& x, const Tensor& residual) {
    return second_norm(expand(first_norm(depthwise(x))), residual);
  }
  void fields(Fields& f) override {
    f("depthwise", depthwise), f("first_norm", first_norm);
    f("expand", expand), f("second_norm", second_norm);
  }
  Conv2d depthwise, expand;
  BatchNorm2d first_norm, second_norm;
};

TEST(ConvNormTwice, TrainsAndInfersAsTheLayersDo) {
  const Tensor x = randn({3, 8, 9, 24}, Rng(3)), residual = randn({3, 8, 9, 96}, Rng(4)),
               dy = randn({3, 8, 9, 96}, Rng(5));
  for (const bool adds : {false, true})
    for (const bool bias : {false, true}) {
      Quadruple together(8, bias), apart(8, bias);
      const Tensor added = adds ? residual : Tensor();
      const auto step = [&](Quadruple& all, bool in_one) {
        Tape tape;
        const Tensor y = in_one ? all(x, added) : all.one_by_one(x, added);
        tape.backward(y, dy);
        return y;
      };
      expect_near(step(together, true), step(apart, false));
      const auto ours = together.parameters(), theirs = apart.parameters();
      for (size_t i = 0; i < ours.size(); ++i) {
        // Behind a norm a bias has no gradient, and a norm's weight only a small difference.
        const Tensor a = ours[i].gradient(), b = theirs[i].gradient();
        for (int64_t j = 0; j < a.numel(); ++j)
          ASSERT_NEAR(a.data<float>()[j], b.data<float>()[j], 2e-4) << i << " at " << j;
      }
      expect_near(together(x, added), apart.one_by_one(x, added));  // by the running statistics
      together.freeze();
      apart.freeze();
      Tape tape;
      expect_near(together(x, added), apart.one_by_one(x, added));
    }
}

TEST(ConvNormTwice, IsOneOpWhereThatPays) {
  const Tensor x = randn({3, 8, 9, 24}, Rng(3));
  const auto ops = [&](Quadruple model) {
    Tape tape;
    model(x, {});
    return tape.ops();
  };
  using Names = std::vector<std::string_view>;
  EXPECT_EQ(ops(Quadruple()), (Names{"conv2d", "norm_conv_norm"}));
  EXPECT_EQ(ops(Quadruple(8, true)), (Names{"conv2d_batch_norm", "conv2d", "batch_norm"}));
  Quadruple relu;
  relu.first_norm.fuse(Activation::relu);
  EXPECT_EQ(ops(std::move(relu)), (Names{"conv2d_batch_norm", "conv2d_batch_norm"}));
  Quadruple watched;
  int seen = 0;
  const CallObserver observer([&](Module&, const Tensor&, const Tensor&) { ++seen; });
  EXPECT_EQ(ops(std::move(watched)), (Names{"conv2d", "batch_norm", "conv2d", "batch_norm"}));
  EXPECT_EQ(seen, 4);
}

TEST(ConvNorm, TakesAWeightFromOutside) {
  Pair pair;
  pair.train(5);
  const Tensor x = randn({3, 4, 5, 24}, Rng(3)), weight = randn({48, 24, 1, 1}, Rng(6));
  expect_near(conv_norm(weight, {}, pair.norm, x), pair.norm(conv2d(x, weight)));
  pair.train(7);
  expect_near(conv_norm(weight, {}, pair.norm, x), pair.norm(conv2d(x, weight)));
}

TEST(ConvNorm, TakesChannelsInAnOrder) {
  Pair pair;
  pair.train(5);
  Conv2d depthwise(24, 24, 3, {.padding = 1, .groups = 24, .bias = false}, Rng(7));
  BatchNorm2d norm(24);
  {
    Tape tape;
    norm(randn({4, 3, 3, 24}, Rng(8)));
  }
  ChannelShuffle shuffle(24, 8);
  const Tensor x = randn({3, 4, 5, 24}, Rng(3)), shuffled = shuffle(x);
  const Tensor filtered = norm(depthwise(shuffled)), expected = pair.unfolded(filtered);
  const auto check_all = [&] {
    const Tensor in_place = conv_norm(depthwise, norm, x, {.places = shuffle.places()});
    expect_near(gather(in_place, shuffle.order()), filtered);
    expect_near(conv_norm(pair.conv, pair.norm, in_place, {.order = shuffle.order()}), expected);
  };
  check_all();
  const CallObserver observer([](Module&, const Tensor&, const Tensor&) {});
  check_all();
  EXPECT_NE(error_of([&] {
              conv_norm(pair.conv, pair.norm, x, {.places = shuffle.places()});
            }).find("depthwise"),
            std::string::npos);
}

TEST(ByParts, IsTheWholeBatch) {
  Pair pair;
  const Tensor x = randn({5, 4, 5, 24}, Rng(3)), expected = pair(x);
  for (const int64_t count : {1, 2, 5, 9}) {
    int calls = 0;
    const int before = threads();
    set_threads(1);  // one writer of `calls`
    const Tensor y = by_parts(x, count, [&](const Tensor& part) {
      ++calls;
      return pair(part);
    });
    set_threads(before);
    EXPECT_EQ(calls, (5 + count - 1) / count);
    expect_near(y, expected);
    expect_near(by_parts(x, count, [&](const Tensor& part) { return pair(part); }), expected);
  }
  EXPECT_EQ(
      by_parts(Tensor({0, 4, 5, 24}), 2, [&](const Tensor& part) { return pair(part); }).shape(),
      (Shape{0, 4, 5, 48}));
  EXPECT_THROW(by_parts(x, 1, [](const Tensor&) -> Tensor { fail("no"); }), Error);
}

}  // namespace
}  // namespace papilio
