// Networks whose inference folds batch norm into convolutions, and the standardisation into a
// structured layer, agree with their layers one by one.
#include <gtest/gtest.h>

#include <cmath>

#include "papilio/core/ops.h"
#include "papilio/core/random.h"
#include "papilio/core/tape.h"
#include "papilio/core/threads.h"
#include "papilio/layers/factory.h"
#include "papilio/models/checkpoint.h"
#include "papilio/models/compressed_mlp.h"
#include "papilio/models/residual_mlp.h"
#include "papilio/models/resnet.h"
#include "papilio/models/shufflenet.h"
#include "papilio/optim/optimizer.h"
#include "papilio/tests/models/random_statistics.h"
#include "papilio/tests/models/toy.h"

namespace papilio::models {
namespace {

Tensor unfolded(Module& net, const Tensor& x) {
  const CallObserver observer([](Module&, const Tensor&, const Tensor&) {});
  return net(x);
}

void expect_folded_like_unfolded(Module& net, const Tensor& x) {
  const Tensor a = net(x), b = unfolded(net, x);
  ASSERT_EQ(a.shape(), b.shape());
  double largest = 0, difference = 0;
  for (int64_t i = 0; i < a.numel(); ++i) {
    largest = std::max<double>(largest, std::abs(b.data<float>()[i]));
    difference = std::max<double>(difference, std::abs(a.data<float>()[i] - b.data<float>()[i]));
  }
  EXPECT_LE(difference, 1e-5 * largest);
}

void train(Module& net, const Tensor& x) {
  optim::Sgd sgd(net.parameters(), {.lr = 0.05, .momentum = 0.9});
  for (int64_t step = 0; step < 2; ++step) {
    Tensor labels({x.dim(0)}, DType::i64);
    for (int64_t i = 0; i < x.dim(0); ++i) labels.mutable_data<int64_t>()[i] = (i + step) % 3;
    Tape tape;
    tape.backward(cross_entropy(net(x), labels));
    sgd.step();
  }
}

void check_through_a_life(Module& net, Module& other, const Tensor& x) {
  SCOPED_TRACE(net.describe());
  expect_folded_like_unfolded(net, x);
  const std::vector<float> before = net(x).to_vector<float>();
  train(net, x);
  expect_folded_like_unfolded(net, x);
  EXPECT_NE(net(x).to_vector<float>(), before);

  other(x);                               // keeps what is to be made anew
  const testing::TemporaryFolder folder;  // tests run at the same time
  save(net, folder / "net.safetensors");
  load(other, folder / "net.safetensors");
  EXPECT_EQ(other(x).to_vector<float>(), net(x).to_vector<float>());
  net.freeze();
  expect_folded_like_unfolded(net, x);
}

TEST(Folded, ShuffleNet) {
  for (const std::string& mixer : shufflenet_mixers())
    for (const int64_t size : {32, 64, 128}) {
      const ShuffleNetOptions options{
          .classes = 3, .width = 0.25, .mixer = mixer, .image_size = size, .statistics = {}};
      ShuffleNet net(options, Rng(1)), other(options, Rng(2));
      check_through_a_life(net, other, rand_uniform({5, size, size, 3}, 0, 1, Rng(3)));
    }
}

TEST(Folded, ShuffleNetOfAnyGroups) {
  for (const int64_t groups : {1, 3, 4})
    for (const double width : {0.25, 1.0}) {
      ShuffleNet net({.classes = 3,
                      .width = width,
                      .groups = groups,
                      .image_size = 64,
                      .ungrouped_stage2 = groups != 4,
                      .statistics = {}},
                     Rng(1));
      const Tensor x = rand_uniform({3, 64, 64, 3}, 0, 1, Rng(3));
      train(net, x);
      expect_folded_like_unfolded(net, x);
    }
}

TEST(Folded, ResNet) {
  const ResNetOptions options{.classes = 3, .channels = 16, .statistics = {}};
  ResNet net(options, Rng(1)), other(options, Rng(2));
  check_through_a_life(net, other, rand_uniform({3, 32, 32, 3}, 0, 1, Rng(3)));
}

TEST(Folded, CompressedMlp) {
  for (const std::string_view hidden : hidden_names()) {
    const CompressedMlpOptions options{.inputs = 48,
                                       .hidden = std::string(hidden),
                                       .width = 64,
                                       .classes = 3,
                                       .statistics = testing::random_statistics(48)};
    CompressedMlp net(options, Rng(1)), other(options, Rng(2));
    check_through_a_life(net, other, rand_uniform({5, 4, 4, 3}, 0, 1, Rng(3)));
  }
}

TEST(Folded, ResidualMlp) {
  const ResidualMlpOptions options{.height = 4,
                                   .width = 4,
                                   .channels = 3,
                                   .hidden = "kmatrix",
                                   .features = 64,
                                   .depth = 2,
                                   .classes = 3,
                                   .statistics = testing::random_statistics(3)};
  ResidualMlp net(options, Rng(1)), other(options, Rng(2));
  check_through_a_life(net, other, rand_uniform({5, 4, 4, 3}, 0, 1, Rng(3)));
}

TEST(Folded, SameBitsForEveryThreadCount) {
  ShuffleNet net({.classes = 3, .width = 0.25, .image_size = 64, .statistics = {}}, Rng(1));
  const Tensor x = rand_uniform({13, 64, 64, 3}, 0, 1, Rng(3));
  const int before = threads();
  set_threads(1);
  const std::vector<float> one = net(x).to_vector<float>();
  set_threads(2);
  EXPECT_EQ(net(x).to_vector<float>(), one);
  set_threads(before);
}

}  // namespace
}  // namespace papilio::models
