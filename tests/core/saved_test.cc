// Saved: what is kept for the backward pass, and that recomputed tensors give the same gradients.
#include "papilio/core/saved.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "papilio/core/memory.h"
#include "papilio/core/ops.h"

namespace papilio {
namespace {

// y = x + 1, made again from x; counts how often it is.
Tensor successor(const Tensor& x, int* made) {
  const auto make = [](const Tensor& from) { return add(from, Tensor::full({}, 1, from.dtype())); };
  Tensor y = make(x.detach());
  const Saved source(x);
  const auto again = [source, make, made] { return ++*made, make(source.get()); };
  const Recipe recipe = recomputable(y, {&source, 1}, again);
  record("add", y, {&x},
         [recipe](const Tensor& dy, InputGradients& gradients) { gradients.add(0, dy); });
  return y;
}

// A use that looks at what it saved: the gradient of sum(x^2) / 2.
Tensor half_square(const Tensor& x) {
  Tensor y = scale(sum(mul(x.detach(), x.detach())), 0.5);
  record("sum", y, {&x},
         [x = Saved(x)](const Tensor&, InputGradients& gradients) { gradients.add(0, x.get()); });
  return y;
}

TEST(Saved, IsMadeOnceForAllWhoSavedIt) {
  int made = 0;
  Tape tape;
  const Tensor x = tape.watch(Tensor::from<double>({1, 2}));
  Tensor loss;
  {
    const Tensor y = successor(x, &made);
    loss = add(half_square(y), half_square(y));
  }
  EXPECT_EQ(made, 0);
  tape.backward(loss);
  EXPECT_EQ(made, 1);
  EXPECT_THAT(tape.gradient(x).to_vector<double>(), ::testing::ElementsAre(4, 6));
}

TEST(Saved, IsNotMadeWhileSomebodyHoldsTheTensor) {
  int made = 0;
  Tape tape;
  const Tensor x = tape.watch(Tensor::from<double>({1, 2})), y = successor(x, &made);
  const Saved saved(y);
  EXPECT_EQ(saved.depth(), 1);
  EXPECT_EQ(saved.shape(), y.shape());
  tape.backward(half_square(y));
  EXPECT_EQ(made, 0);
  EXPECT_TRUE(saved.get().shares_storage_with(y));
}

TEST(Saved, IsTheTensorItselfWithoutATape) {
  int made = 0;
  const Tensor x = Tensor::from<double>({1, 2}), y = successor(x, &made);
  EXPECT_EQ(Saved(y).depth(), 0);
  EXPECT_TRUE(Saved(y).get().shares_storage_with(y));
  EXPECT_FALSE(Saved(Tensor()).defined());
}

TEST(Saved, ChainsHaveALimitAndEachLinkIsMadeOnce) {
  int made = 0, kept = 0, deepest = 0;
  constexpr int kLinks = 23;
  Tape tape;
  const Tensor x = tape.watch(Tensor::from<double>({0}));
  Tensor y = x, loss = half_square(x);
  for (int i = 0; i < kLinks; ++i) {
    y = successor(y, &made);
    const int depth = Saved(y).depth();
    deepest = std::max(deepest, depth);
    kept += depth == 0;
    loss = add(loss, half_square(y));
  }
  y = {};
  EXPECT_LE(deepest, 6);
  EXPECT_EQ(kept, kLinks / (deepest + 1));
  tape.backward(loss);
  EXPECT_EQ(made, kLinks - kept);
  EXPECT_EQ(tape.gradient(x).item(), kLinks * (kLinks + 1) / 2);
}

// ---- Convolutional networks

struct Network {
  Parameter first, middle, last, gamma, beta;
  Tensor order;

  explicit Network(int64_t channels)
      : first(rand_uniform({channels, channels, 1, 1}, -0.5, 0.5, Rng(1))),
        middle(rand_uniform({channels, 1, 3, 3}, -0.5, 0.5, Rng(2))),
        last(rand_uniform({channels, channels, 1, 1}, -0.5, 0.5, Rng(3))),
        gamma(rand_uniform({channels}, 0.5, 1.5, Rng(4))),
        beta(rand_uniform({channels}, -0.5, 0.5, Rng(5))),
        order({channels}, DType::i64) {
    for (int64_t c = 0; c < channels; ++c)
      order.mutable_data<int64_t>()[c] = (c * 5 + 3) % channels;
  }

  std::vector<Parameter> parameters() const { return {first, middle, last, gamma, beta}; }

  // ShuffleNet's block, on x that is not negative; `held` gets all that it computes.
  Tensor block(const Tensor& x, std::vector<Tensor>* held) const {
    const auto hold = [held](const Tensor& t) {
      if (held) held->push_back(t);
      return t;
    };
    const Conv2dOptions depthwise{.padding = 1, .groups = gamma.value().numel()};
    Tensor y = hold(conv2d(x, first));
    y = hold(batch_norm(y, gamma, beta, 1e-5, nullptr, Activation::relu));
    y = hold(gather(y, order));
    y = hold(conv2d(y, middle, {}, depthwise));
    y = hold(batch_norm(y, gamma, beta, 1e-5));
    y = hold(conv2d(y, last));
    return hold(batch_norm(y, gamma, beta, 1e-5, nullptr, Activation::relu, x));
  }
  // What stands between two stages.
  Tensor halved(const Tensor& x, std::vector<Tensor>* held) const {
    const Tensor pooled = avg_pool2d(x, {.kernel = 2, .stride = 2});
    const Tensor branch = batch_norm(conv2d(x, first, {}, {.stride = 2}), gamma, beta, 1e-5,
                                     nullptr, Activation::relu);
    const Tensor y = slice(concat({pooled, branch}, -1), -1, 3, 3 + x.dim(-1));
    if (held) held->insert(held->end(), {pooled, branch, y});
    return y;
  }
};

std::vector<std::vector<float>> gradients(const Network& network, bool hold) {
  std::vector<Tensor> held;
  std::vector<Tensor>* const to = hold ? &held : nullptr;
  Tape tape;
  Tensor y = conv2d(rand_uniform({2, 8, 8, network.order.numel()}, 0, 1, Rng(6)), network.first);
  for (int i = 0; i < 7; ++i) y = network.block(y, to);
  y = network.block(network.halved(y, to), to);
  const Tensor flat = reshape(y, {2, y.numel() / 2});
  tape.backward(mean(linear(flat, rand_uniform({3, flat.dim(1)}, -1, 1, Rng(7)))));
  std::vector<std::vector<float>> all;
  for (Parameter parameter : network.parameters()) {
    all.push_back(parameter.gradient().to_vector<float>());
    parameter.clear_gradient();
  }
  return all;
}

TEST(Saved, GradientsHaveTheSameBitsAsThoseOfHeldTensors) {
  const Network network(16);
  const auto recomputed = gradients(network, false), held = gradients(network, true);
  for (size_t i = 0; i < held.size(); ++i) EXPECT_EQ(recomputed[i], held[i]) << "parameter " << i;
}

int64_t in_use() { return memory::stats().in_use; }

TEST(Saved, ABlockKeepsItsConvolutionsOutputsAndFewOfItsOwn) {
  const Network network(64);
  const Tensor x = rand_uniform({8, 16, 16, 64}, 0, 1, Rng(6));
  constexpr int kBlocks = 10;
  Tape tape;
  Tensor y = network.block(x, nullptr);  // also packs weights
  const int64_t before = in_use();
  for (int i = 0; i < kBlocks; ++i) y = network.block(y, nullptr);
  const double kept = static_cast<double>(in_use() - before) / static_cast<double>(x.bytes());
  EXPECT_LT(kept, 4.5 * kBlocks);  // of 6 without recomputation
  tape.backward(sum(y));
}

TEST(Saved, AResultThatOutlivesItsTapeKeepsNothingElse) {
  const Network network(64);
  const Tensor x = rand_uniform({8, 16, 16, 64}, 0, 1, Rng(6));
  const int64_t before = in_use();
  Tensor y;
  {
    Tape tape;
    y = network.block(x, nullptr);
  }
  EXPECT_LT(in_use() - before, y.bytes() + (int64_t{1} << 18));
}

}  // namespace
}  // namespace papilio
