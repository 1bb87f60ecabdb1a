#include "papilio/layers/module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "papilio/layers/butterfly.h"
#include "papilio/layers/elementwise.h"
#include "papilio/layers/linear.h"
#include "papilio/layers/norm.h"
#include "papilio/layers/sequential.h"
#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Block : Module {
  explicit Block(Rng rng) : fc1(512, 512, {}, rng), norm(512) {}
  Tensor forward(const Tensor& x) override { return norm(fc1(x)); }
  void fields(Fields& f) override { f("fc1", fc1), f("norm", norm); }
  Butterfly fc1;
  BatchNorm2d norm;
};

struct Network : Module {
  Network() {
    for (uint64_t i = 0; i < 3; ++i) encoder.emplace_back(Rng(i));
    heads.push_back(std::make_unique<Linear>(2, 2, LinearOptions{.bias = false}, Rng(1)));
    heads.push_back(nullptr);
    scales.emplace_back(Tensor::zeros({3}));
    tables.push_back(Tensor::zeros({2}));
  }
  Tensor forward(const Tensor& x) override {
    Tensor y = x;
    for (Block& block : encoder) y = block(y);
    return y;
  }
  void fields(Fields& f) override {
    f("encoder", encoder), f("heads", heads), f("scales", scales), f("tables", tables);
    f("optional", optional);
  }
  std::vector<Block> encoder;
  std::vector<std::unique_ptr<Module>> heads;
  std::vector<Parameter> scales;
  std::vector<Tensor> tables;
  std::unique_ptr<Linear> optional;
};

std::vector<std::string> names(Module& module) {
  std::vector<std::string> all;
  for (const Parameter& p : module.parameters()) all.push_back(p.name());
  return all;
}

TEST(Fields, NamesAreThePathsOfAllKindsOfMembers) {
  Network network;
  EXPECT_THAT(names(network),
              ElementsAre("encoder.0.fc1.twiddle", "encoder.0.fc1.bias", "encoder.0.norm.weight",
                          "encoder.0.norm.bias", "encoder.1.fc1.twiddle", "encoder.1.fc1.bias",
                          "encoder.1.norm.weight", "encoder.1.norm.bias", "encoder.2.fc1.twiddle",
                          "encoder.2.fc1.bias", "encoder.2.norm.weight", "encoder.2.norm.bias",
                          "heads.0.weight", "scales.0"));
}

TEST(Fields, BuffersAreSeenButNotCounted) {
  struct Buffers : Fields {
    std::vector<std::string> all;
    void buffer(const std::string& path, Tensor&) override { all.push_back(path); }
  } buffers;
  Network network;
  network.fields(buffers);
  EXPECT_THAT(buffers.all,
              ElementsAre("encoder.0.norm.running_mean", "encoder.0.norm.running_var",
                          "encoder.1.norm.running_mean", "encoder.1.norm.running_var",
                          "encoder.2.norm.running_mean", "encoder.2.norm.running_var", "tables.0"));
  EXPECT_EQ(network.parameter_count(), 3 * (2 * 512 * 9 + 512 + 2 * 512) + 4 + 3);
  EXPECT_EQ(Standardize({512}).parameter_count(), 0);
}

TEST(Module, ComplexParametersCountTwice) {
  EXPECT_EQ(Linear(3, 2, {.dtype = DType::c64}, Rng(1)).parameter_count(), 2 * (3 * 2 + 2));
}

struct Tied : Module {
  Tied() : encode(Tensor::full({2, 2}, 1)), decode(encode), out(2, 2, {.bias = false}, Rng(1)) {}
  Tensor forward(const Tensor& x) override { return out(matmul(matmul(x, encode), decode)); }
  void fields(Fields& f) override { f("encode", encode), f("decode", decode), f("out", out); }
  Parameter encode, decode;
  Linear out;
};

TEST(Module, ASharedParameterIsListedOnceUnderItsFirstName) {
  Tied tied;
  EXPECT_THAT(names(tied), ElementsAre("encode", "out.weight"));
  EXPECT_EQ(tied.parameter_count(), 8);
}

TEST(Module, ListingALayerDoesNotRenameWhatTheModelListed) {
  Tied tied;
  const std::vector<Parameter> all = tied.parameters(), own = tied.out.parameters();
  tied.out.matrix_parameters();
  EXPECT_EQ(all[1].name(), "out.weight");
  EXPECT_EQ(own[0].name(), "weight");
  EXPECT_TRUE(all[1] == own[0]);
  EXPECT_THAT(tied.out.weight().name(), IsEmpty());
}

TEST(Module, ErrorsBeginWithThePathOfTheLayer) {
  Network network;
  network.encoder[2] = Block(Rng(1));
  network.encoder[2].fc1 = Butterfly(300, 300, {}, Rng(1));
  expect_error(
      [&] {
        network(Tensor::zeros({64, 512}));
      },
      {"encoder.2.fc1: butterfly: x[64, 512] has 512 features, the layer takes 300"});
  Sequential inner{Relu(), Linear(4, 2, {}, Rng(1))};
  Sequential net{Linear(3, 3, {}, Rng(1)), std::move(inner)};
  expect_error([&] { net(Tensor::zeros({5, 3})); }, {"1.1: linear: x[5, 3] has 3 features"});
  expect_error([&] { net[0](Tensor::zeros({5, 4})); }, {"linear: x[5, 4]"});
}

TEST(Module, FreezeMakesConstantsOfParametersAndStatistics) {
  Block block(Rng(1));
  block.freeze();
  EXPECT_TRUE(block.frozen() && block.fc1.frozen() && block.norm.frozen());
  for (const Parameter& p : block.parameters()) EXPECT_TRUE(p.frozen()) << p.name();
  const Tensor x = randn({8, 512}, Rng(2)), before = block(x);
  Tape tape;
  const Tensor watched = tape.watch(x), y = block(watched);
  expect_numbers(y, numbers(before), 1e-4);  // by the running statistics, which stay
  tape.backward(sum(y));
  EXPECT_TRUE(tape.gradient(watched).defined());
  for (const Parameter& p : block.parameters()) EXPECT_FALSE(p.gradient().defined()) << p.name();
}

TEST(Module, ParametersStayWhenItMoves) {
  Block block(Rng(1));
  const Parameter before = block.parameters()[0];
  const Block moved = std::move(block);
  EXPECT_TRUE(moved.fc1.twiddle() == before);
}

TEST(Sequential, RunsItsLayersInOrder) {
  Sequential net;
  net.add(Linear(3, 3, {}, Rng(1)))
      .add(Relu())
      .add(std::make_unique<Linear>(3, 2, LinearOptions{}, Rng(2)));
  const Tensor x = randn({4, 3}, Rng(3));
  EXPECT_EQ(net.size(), 3u);
  EXPECT_EQ(numbers(net(x)), numbers(net[2](relu(net[0](x)))));
  EXPECT_THAT(names(net), ElementsAre("0.weight", "0.bias", "2.weight", "2.bias"));
  EXPECT_EQ(numbers(Sequential()(x)), numbers(x));
}

TEST(CallObserver, SeesEveryCallInside) {
  Sequential net{Linear(3, 3, {}, Rng(1)), Relu()};
  std::vector<std::string> calls;
  const auto note = [&](Module& module, const Tensor&, const Tensor& y) {
    calls.push_back(concat(module.describe(), " ", y.shape()));
  };
  {
    const CallObserver observer(note);
    net(Tensor::zeros({2, 3}));
  }
  net(Tensor::zeros({2, 3}));
  EXPECT_THAT(calls, ElementsAre("Linear(3, 3) [2, 3]", "Relu [2, 3]", "Sequential(2) [2, 3]"));
}

TEST(KeptTwiddles, FollowTheirParameter) {
  Butterfly layer(8, 8, {.bias = false, .tied = true}, Rng(1));
  const Tensor first = layer.untied_twiddle();
  EXPECT_TRUE(layer.untied_twiddle().shares_storage_with(first));
  Parameter twiddle = layer.twiddle();
  for (double factor : {0.5, 3.0, 2.0}) {
    twiddle.mutable_value() = Tensor();  // the next one may get its address
    twiddle.mutable_value() = Tensor::full({1, 1, 7, 2, 2}, factor);
    EXPECT_EQ(layer.untied_twiddle().to_vector<float>()[0], factor);
  }
  twiddle.mutable_value().mutable_data<float>()[0] = 7;
  EXPECT_EQ(layer.untied_twiddle().to_vector<float>()[0], 7);
}

TEST(KeptTwiddles, AreRecordedAnewForEveryTape) {
  Butterfly layer(8, 8, {.bias = false, .tied = true}, Rng(1));
  layer.untied_twiddle();
  Tape tape;
  tape.backward(sum(layer(Tensor::full({8}, 1))));
  EXPECT_TRUE(layer.twiddle().gradient().defined());
}

}  // namespace
}  // namespace papilio
