// Checkpoints whose config asks for sizes that nobody has: refused by name, before the memory is
// asked for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <limits>
#include <map>

#include "papilio/layers/kronecker.h"
#include "papilio/layers/linear.h"
#include "papilio/layers/low_rank.h"
#include "papilio/layers/permutation.h"
#include "papilio/layers/product.h"
#include "papilio/models/checkpoint.h"
#include "papilio/models/compressed_mlp.h"
#include "papilio/models/mixed_convnet.h"
#include "papilio/models/registry.h"
#include "papilio/models/residual_mlp.h"
#include "papilio/models/resnet.h"
#include "papilio/models/shufflenet.h"
#include "papilio/tests/layers/structured_table.h"

namespace papilio::models {
namespace {

using ::testing::HasSubstr;

// One of every registered model, and of every layer that is one by itself.
std::map<std::string, std::vector<Checkpoint>> small_checkpoints() {
  std::map<std::string, std::vector<Checkpoint>> all;
  const auto add = [&](Module& model) {
    Checkpoint checkpoint = snapshot(model);
    all[checkpoint.model].push_back(std::move(checkpoint));
  };
  CompressedMlp mlp(
      {.inputs = 16, .hidden = "low-rank:2", .width = 8, .classes = 3, .statistics = {}}, Rng(1));
  MixedConvnet convnet({.height = 8,
                        .width = 8,
                        .channels = 1,
                        .hidden = "bpbp",
                        .features = 8,
                        .classes = 3,
                        .statistics = {}},
                       Rng(1));
  ResidualMlp residual({.height = 4,
                        .width = 4,
                        .channels = 1,
                        .hidden = "kmatrix",
                        .features = 16,
                        .depth = 2,
                        .classes = 3,
                        .statistics = {}},
                       Rng(1));
  ResNet resnet({.classes = 3, .extra = "dense", .channels = 2, .statistics = {}}, Rng(1));
  ShuffleNet shufflenet(
      {.classes = 3, .width = 0.25, .groups = 2, .image_size = 32, .statistics = {}}, Rng(1));
  for (Module* model : std::vector<Module*>{&mlp, &convnet, &residual, &resnet, &shufflenet})
    add(*model);
  for (const auto& row : papilio::testing::structured_cases())
    add(*row.make(8, 8, row.dtype, Rng(1)));

  CompressedMlp compressed(
      {.inputs = 16, .hidden = "dense", .width = 8, .classes = 3, .statistics = {}}, Rng(1));
  for (const auto& [path, layer] : linear_layers(compressed))
    if (path == "hidden")
      layer->replace(std::make_unique<LowRank>(16, 8, LowRankOptions{.rank = 2}, Rng(1)));
  add(compressed);
  return all;
}

using Changed = std::vector<std::pair<std::string, Config>>;  // the key of what is changed

// The config with one of its integers changed, for each of them.
Changed with_each_integer(const Config& config, const std::string& key, const Config& value) {
  Changed all;
  if (config.is_object()) {
    for (const auto& [name, member] : config.as_object())
      for (const auto& [inner, changed] : with_each_integer(member, name, value)) {
        all.emplace_back(inner, config);
        all.back().second[name] = changed;
      }
  } else if (config.is_array()) {
    for (size_t i = 0; i < config.as_array().size(); ++i)
      for (const auto& [inner, changed] : with_each_integer(config.as_array()[i], key, value)) {
        Config::Array items = config.as_array();
        items[i] = changed;
        all.emplace_back(inner, items);
      }
  } else if (config.dump().find_first_not_of("0123456789") == std::string::npos) {
    all.emplace_back(key, value);
  }
  return all;
}

int64_t peak_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

// The same for the layers that stand in the place of others.
std::vector<std::pair<std::string, Checkpoint>> with_each_integer(const Checkpoint& checkpoint,
                                                                  const Config& value) {
  std::vector<std::pair<std::string, Checkpoint>> all;
  for (const auto& [key, config] : with_each_integer(checkpoint.config, "", value)) {
    all.emplace_back(key, checkpoint);
    all.back().second.config = config;
  }
  for (size_t i = 0; i < checkpoint.replaced.size(); ++i)
    for (const auto& [key, config] : with_each_integer(checkpoint.replaced[i].second, "", value)) {
      all.emplace_back(key, checkpoint);
      all.back().second.replaced[i].second = config;
    }
  return all;
}

std::string refusal(const Checkpoint& checkpoint) {
  try {
    rebuild(checkpoint, "crafted");
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(CraftedCheckpoint, TheTableHasEveryRegisteredModel) {
  const auto all = small_checkpoints();
  for (const char* name :
       {"compressed_mlp", "mixed_convnet", "residual_mlp", "resnet", "shufflenet", "structured"})
    EXPECT_TRUE(all.contains(name)) << name;
  for (const auto& [name, checkpoints] : all)
    for (const Checkpoint& checkpoint : checkpoints) EXPECT_EQ(refusal(checkpoint), "") << name;
}

TEST(CraftedCheckpoint, SizesThatNothingHasAreRefusedByName) {
  const int64_t before = peak_megabytes();
  for (const auto& [name, checkpoints] : small_checkpoints())
    for (const Checkpoint& checkpoint : checkpoints)
      for (const Config& value : std::initializer_list<Config>{1e15, int64_t{1} << 40, -1,
                                                               std::numeric_limits<int64_t>::max(),
                                                               std::numeric_limits<int64_t>::min()})
        for (const auto& [key, crafted] : with_each_integer(checkpoint, value))
          EXPECT_THAT(refusal(crafted), HasSubstr(concat("'", key, "'")))
              << name << " " << crafted.config.dump();
  EXPECT_LT(peak_megabytes() - before, 50);
}

TEST(CraftedCheckpoint, SizesThatTheFileDoesNotBearOutAreRefusedBeforeTheMemoryIsAskedFor) {
  const int64_t before = peak_megabytes();
  for (const auto& [name, checkpoints] : small_checkpoints())
    for (const Checkpoint& checkpoint : checkpoints)
      for (const int64_t value : {0, 1 << 20})
        for (const auto& [key, crafted] : with_each_integer(checkpoint, value)) {
          // What no tensor comes from may be anything: it is said, and calls are checked.
          if (key == "image_size" || crafted.config.get("layer", "") == "resize") continue;
          const std::string message = refusal(crafted);
          // 0 blocks or features: the layer chooses, as it may have chosen before.
          if (value == 0 && message.empty()) continue;
          const bool named = message.find(key) != std::string::npos,
                     compared = message.find("does not fit the model") != std::string::npos;
          EXPECT_TRUE(named || compared) << message << "; " << name << " " << crafted.config.dump();
        }
  EXPECT_LT(peak_megabytes() - before, 50);
}

TEST(CraftedCheckpoint, WhatTakesMuchMoreMemoryThanItsFileIsLoaded) {
  CompressedMlp model(
      {.inputs = 1 << 17, .hidden = "bpbp", .width = 1 << 17, .classes = 1, .statistics = {}},
      Rng(1));
  EXPECT_EQ(refusal(snapshot(model)), "");
}

TEST(CraftedCheckpoint, ALargeNetworkCanBeReplacedBySmallLayers) {
  CompressedMlp model(
      {.inputs = 4096, .hidden = "dense", .width = 4096, .classes = 3, .statistics = {}}, Rng(1));
  linear_layers(model).front().second->replace(
      std::make_unique<LowRank>(4096, 4096, LowRankOptions{.rank = 1}, Rng(1)));
  EXPECT_EQ(refusal(snapshot(model)), "");
}

}  // namespace
}  // namespace papilio::models
