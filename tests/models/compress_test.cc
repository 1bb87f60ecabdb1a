#include "papilio/models/compress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "papilio/core/safetensors.h"
#include "papilio/layers/butterfly.h"
#include "papilio/layers/kmatrix.h"
#include "papilio/layers/low_rank.h"
#include "papilio/models/checkpoint.h"
#include "papilio/models/compressed_mlp.h"
#include "papilio/models/evaluate.h"
#include "papilio/models/fit.h"
#include "papilio/models/mixed_convnet.h"
#include "papilio/tests/core/error_of.h"
#include "papilio/tests/models/toy.h"

namespace papilio::models {
namespace {

using papilio::testing::TemporaryFolder;
using papilio::testing::toy;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

CompressedMlp mlp(uint64_t seed = 1, const std::string& hidden = "dense") {
  return CompressedMlp(
      {.inputs = 64, .hidden = hidden, .width = 48, .classes = 4, .statistics = {}}, Rng(seed));
}

CompressedMlp trained_mlp() {
  CompressedMlp model = mlp();
  fit(model, toy(800, 1), toy(100, 2), {.epochs = 3, .lr = 0.05});
  return model;
}

CompressOptions within(const std::string& budget, const std::string& to = "auto") {
  return {.to = to, .budget = Budget::parse(budget), .images = 512, .projection = {.steps = 40}};
}

Linear& dense(Module& model, const std::string& path) {
  for (const auto& [name, layer] : linear_layers(model))
    if (name == path) return *layer;
  fail("no layer ", path);
}

TEST(ReplacedLinear, IsTheOtherLayer) {
  Linear layer(6, 8, {}, Rng(1));
  layer.fuse(Activation::relu);
  KMatrix same(6, 8, {}, Rng(2));
  same.fuse(Activation::relu);
  layer.replace(std::make_unique<KMatrix>(6, 8, KMatrixOptions{}, Rng(2)));
  const Tensor x = randn({5, 6}, Rng(3));
  EXPECT_EQ(layer(x).to_vector<float>(), same(x).to_vector<float>());
  EXPECT_EQ(layer.to_dense().to_vector<float>(), same.to_dense().to_vector<float>());
  EXPECT_EQ(layer.describe(), same.describe());
  EXPECT_EQ(layer.matrix_parameters(), same.matrix_parameters());
  EXPECT_EQ(layer.cost({5, 6}).flops, same.cost({5, 6}).flops);
  EXPECT_EQ(layer.bias().value().to_vector<float>(), same.bias().value().to_vector<float>());
  EXPECT_FALSE(layer.weight().defined());
  std::vector<std::string> names;
  for (const Parameter& p : layer.parameters()) names.push_back(p.name());
  EXPECT_THAT(names, ElementsAre("twiddle", "bias"));
  layer.fuse(Activation::none);
  same.fuse(Activation::none);
  EXPECT_EQ(layer(x).to_vector<float>(), same(x).to_vector<float>());
}

TEST(ReplacedLinear, HasTheSameSizesAndDtype) {
  Linear layer(6, 8, {}, Rng(1));
  const auto error = [&](std::unique_ptr<StructuredLinear> other) {
    return error_of([&] { layer.replace(std::move(other)); });
  };
  EXPECT_THAT(error(std::make_unique<LowRank>(6, 9, LowRankOptions{}, Rng(1))),
              AllOf(HasSubstr("LowRank(6, 9"), HasSubstr("Linear(6, 8)")));
  EXPECT_THAT(error(std::make_unique<LowRank>(6, 8, LowRankOptions{.dtype = DType::f64}, Rng(1))),
              HasSubstr("dtype"));
  EXPECT_EQ(layer.replacement(), nullptr);
}

TEST(ReplacedLinear, ComesBackFromTheFileAlone) {
  const TemporaryFolder folder;
  CompressedMlp model = mlp();
  dense(model, "hidden")
      .replace(std::make_unique<LowRank>(64, 48, LowRankOptions{.rank = 3}, Rng(4)));
  dense(model, "head")
      .replace(std::make_unique<Butterfly>(
          48, 4, ButterflyOptions{.bias = false, .nblocks = 2, .tied = true}, Rng(5)));
  EXPECT_EQ(model.hidden_parameters(), 3 * (64 + 48));
  EXPECT_GT(model.compression(), 1);
  save(model, folder / "m");
  const auto again = load(folder / "m");
  const Tensor x = randn({3, 64}, Rng(1));
  EXPECT_EQ(model(x).to_vector<float>(), (*again)(x).to_vector<float>());
  EXPECT_EQ(again->parameter_count(), model.parameter_count());
  const Checkpoint file = read_checkpoint(folder / "m");
  ASSERT_EQ(file.replaced.size(), 2u);
  EXPECT_EQ(file.replaced[0].first, "hidden");
  EXPECT_EQ(Config::parse(read_safetensors(folder / "m").metadata.at("papilio")).at("format"),
            Config(3));
  save(*again, folder / "again");
  EXPECT_EQ(read_file(folder / "m"), read_file(folder / "again"));

  // A dense model of the same kind is another one, and stays as it was.
  CompressedMlp other = mlp(2);
  const auto before = other(x).to_vector<float>();
  EXPECT_THAT(error_of([&] { papilio::load(other, folder / "m"); }),
              AllOf(HasSubstr("missing: hidden.weight"), HasSubstr("extra: hidden.down")));
  EXPECT_EQ(other(x).to_vector<float>(), before);

  Checkpoint wrong = file;
  wrong.replaced[0].first = "hiden";
  EXPECT_THAT(error_of([&] { rebuild(wrong, "m"); }),
              AllOf(HasSubstr("'m'"), HasSubstr("'hiden'"), HasSubstr("does not have")));
  wrong = file;
  wrong.replaced[0].second["in"] = 63;
  EXPECT_THAT(error_of([&] { rebuild(wrong, "m"); }), HasSubstr("can't replace"));
}

TEST(LayerInputs, AreTheStatisticsOfWhatTheLayerSees) {
  CompressedMlp model = mlp();
  const data::ImageSet set = toy(300, 1);
  const auto inputs = measure_inputs(model, set, 300, 0);
  ASSERT_EQ(inputs.size(), 2u);
  EXPECT_EQ(inputs[0].path, "hidden");
  EXPECT_EQ(inputs[1].path, "head");
  EXPECT_EQ(inputs[0].rows, 300);
  EXPECT_EQ(inputs[1].example, Shape{48});
  double mean = 0, second = 0;
  for (int64_t i = 0; i < 300; ++i) {
    const Tensor image = set.get(i).image;
    mean += image.data<float>()[5] / 300.0;
    second += image.data<float>()[5] * image.data<float>()[9] / 300.0;
  }
  EXPECT_NEAR(inputs[0].mean.data<double>()[5], mean, 1e-6);
  EXPECT_NEAR(inputs[0].second_moment.data<double>()[5 * 64 + 9], second, 1e-6);
}

TEST(Compress, StaysWithinParametersAndIsAsGoodAsItSays) {
  for (const char* to : {"auto", "low-rank", "monarch", "butterfly", "kmatrix"}) {
    CompressedMlp model = trained_mlp();
    const int64_t before = model.parameter_count();
    const double accuracy = score(model, toy(200, 3)).accuracy;
    const auto layers = compress(model, toy(800, 1), within("params=60%", to));
    EXPECT_LE(model.parameter_count(), before * 6 / 10) << to;
    ASSERT_EQ(layers.size(), 2u);
    EXPECT_NE(layers[0].method, "dense");
    EXPECT_EQ(layers[0].before, "Linear(64, 48)");
    EXPECT_EQ(layers[0].parameters_before, 64 * 48 + 48);
    EXPECT_EQ(layers[0].parameters_after + layers[1].parameters_after, model.parameter_count());
    EXPECT_GT(layers[0].error, 0);
    EXPECT_LT(layers[0].error, 1);
    EXPECT_GT(layers[0].latency_us_before, 0);
    if (to == std::string("auto") || to == std::string("low-rank"))
      EXPECT_GT(score(model, toy(200, 3)).accuracy, accuracy - 0.1) << to;
    else
      EXPECT_THAT(layers[0].method, HasSubstr(to));
  }
}

TEST(Compress, TakesTheSmallestWithinAnError) {
  CompressedMlp model = trained_mlp();
  CompressedMlp loose = trained_mlp();
  const auto layers = compress(model, toy(800, 1), within("error=0.2", "low-rank"));
  const auto more = compress(loose, toy(800, 1), within("error=0.4", "low-rank"));
  EXPECT_LE(layers[0].error, 0.2);
  EXPECT_LE(more[0].error, 0.4);
  EXPECT_LT(more[0].parameters_after, layers[0].parameters_after);
}

TEST(Compress, CountsMicroseconds) {
  MixedConvnet model({.height = 16,
                      .width = 16,
                      .channels = 1,
                      .hidden = "dense",
                      .features = 512,
                      .classes = 4,
                      .statistics = {}},
                     Rng(1));
  const auto layers = compress(model, toy(64, 1, 16), within("latency=95%", "low-rank"));
  EXPECT_LT(layers[0].latency_us_after, layers[0].latency_us_before);
}

TEST(Compress, WhatCanNotBeDoneIsAnErrorWithTheFigures) {
  CompressedMlp model = trained_mlp();
  const auto error = [&](const CompressOptions& options) {
    return error_of([&] { compress(model, toy(100, 1), options); });
  };
  EXPECT_THAT(error(within("params=1%")),
              AllOf(HasSubstr("params=1%"), HasSubstr("can't be met"), HasSubstr("of 3316"),
                    HasSubstr("the least is params=")));
  EXPECT_THAT(error(within("error=0.001", "kmatrix")),
              AllOf(HasSubstr("error=0.001"), HasSubstr("hidden: nearest is kmatrix:"),
                    HasSubstr("head: no replacement has fewer parameters")));
  EXPECT_THAT(error(within("latency=0.1%")), AllOf(HasSubstr("us"), HasSubstr("can't be met")));
  EXPECT_THAT(error(within("params=50%", "fft")), AllOf(HasSubstr("'fft'"), HasSubstr("monarch")));
  for (const auto& [path, layer] : linear_layers(model)) EXPECT_EQ(layer->replacement(), nullptr);

  compress(model, toy(100, 1), within("error=0.99", "low-rank"));
  EXPECT_THAT(error(within("params=50%")),
              AllOf(HasSubstr("no dense layer left"), HasSubstr("hidden, head")));
  Butterfly structured(64, 4, {}, Rng(1));
  EXPECT_THAT(error_of([&] { compress(structured, toy(100, 1), within("params=50%")); }),
              HasSubstr("no dense layer"));
}

}  // namespace
}  // namespace papilio::models
