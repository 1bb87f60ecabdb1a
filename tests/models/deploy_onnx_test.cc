// ONNX files, read and computed by onnx_reader.py, compared with the models themselves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "papilio/core/file.h"
#include "papilio/core/npy.h"
#include "papilio/layers/factory.h"
#include "papilio/models/compressed_mlp.h"
#include "papilio/models/deploy.h"
#include "papilio/models/mixed_convnet.h"
#include "papilio/models/residual_mlp.h"
#include "papilio/models/resnet.h"
#include "papilio/models/shufflenet.h"
#include "papilio/tests/models/chains.h"
#include "papilio/tests/models/toy.h"

namespace papilio::models {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

// The y that the reader computes, [rows, outputs]; undefined without NumPy.
Tensor read_onnx(const std::string& file, const Tensor& x, int64_t outputs) {
  const TemporaryFolder folder;
  write_file(folder / "model.onnx", file);
  write_npy(folder / "x.npy", x);
  const std::string command =
      concat("/usr/bin/python3 '", PAPILIO_SOURCE_DIR, "/tests/models/onnx_reader.py' ",
             folder / "model.onnx", " ", folder / "x.npy", " ", folder / "y.npy", " > ",
             folder / "log", " 2>&1");
  const int code = std::system(command.c_str());
  if (WEXITSTATUS(code) == 3 || WEXITSTATUS(code) == 127) return {};
  check(code == 0, read_file(folder / "log"));
  const std::string bytes = read_file(folder / "y.npy");
  Tensor y({x.dim(0), outputs});
  check(static_cast<int64_t>(bytes.size()) > y.bytes(), "y.npy has ", bytes.size(), " bytes");
  std::copy(bytes.end() - y.bytes(), bytes.end(), static_cast<char*>(y.mutable_raw()));
  return y;
}

class Onnx : public ::testing::Test {
 protected:
  Deployment expect_agreement(Module& model, const Shape& example, double tolerance = 1e-5,
                              int64_t rows = 5) {
    Deployment deployment = onnx_file(model, example);
    const Tensor x = testing::examples(example, rows);
    const Tensor expected = model(x);
    const Tensor y = read_onnx(deployment.file, x, expected.numel() / rows);
    skipped_ |= !y.defined();
    if (y.defined()) {
      EXPECT_LE(testing::relative_difference(expected, y), tolerance) << model.describe();
    }
    return deployment;
  }
  void TearDown() override {
    if (skipped_) GTEST_SKIP() << "needs /usr/bin/python3 with numpy (Debian: python3-numpy)";
  }

  bool skipped_ = false;
};

TEST_F(Onnx, AgreesWithEveryHiddenLayer) {
  for (const std::string_view hidden : hidden_names())
    for (const auto& [inputs, width] :
         std::vector<std::pair<int64_t, int64_t>>{{64, 64}, {48, 100}, {100, 7}}) {
      SCOPED_TRACE(concat(hidden, " ", inputs, " -> ", width));
      CompressedMlp model({.inputs = inputs,
                           .hidden = std::string(hidden),
                           .width = width,
                           .classes = 5,
                           .statistics = testing::statistics(inputs)},
                          Rng(1));
      expect_agreement(model, {inputs});
    }
}

TEST_F(Onnx, AgreesWithChainsOfLayers) {
  for (auto& [name, model, inputs] : testing::chains()) {
    SCOPED_TRACE(name);
    expect_agreement(*model, {inputs});
  }
}

TEST_F(Onnx, AKMatrixIsThreeProducts) {
  CompressedMlp model({.hidden = "kmatrix", .statistics = testing::statistics(1024)}, Rng(1));
  const Deployment deployment = expect_agreement(model, {32, 32, 1}, 1e-5, 1);
  int products = 0;
  for (size_t at = 0; (at = deployment.file.find("\"\x06MatMul", at)) != std::string::npos; ++at)
    ++products;
  EXPECT_EQ(products, 3 + 1);
  EXPECT_GE(deployment.layers.at(1).weight_bytes, 4 * (3 * 32 * 1024 + 1024));
  EXPECT_LE(deployment.layers.at(1).weight_bytes, 4 * (3 * 32 * 1024 + 1024) + 1024);
}

// Norms that have seen images, so that no statistic is idle.
void spread_norms(Module& model) {
  struct Spread : Fields {
    void parameter(const std::string& path, Parameter& member) override {
      if (norm(path)) spread(path, member.mutable_value());
    }
    void buffer(const std::string& path, Tensor& member) override {
      if (norm(path)) spread(path, member);
    }
    static bool norm(const std::string& path) {
      return path.find("norm") != std::string::npos || path.find("bn") != std::string::npos;
    }
    static void spread(const std::string& path, Tensor& t) {
      const bool positive = path.ends_with("weight") || path.ends_with("var");
      t.assign(
          rand_uniform(t.shape(), positive ? 0.5 : -0.5, positive ? 1.5 : 0.5, Rng(5).split(path)));
    }
  } fields;
  model.fields(fields);
}

TEST_F(Onnx, AgreesWithConvolutionalNetworks) {
  const data::Statistics statistics = testing::statistics(3);
  std::vector<std::pair<std::unique_ptr<Module>, int64_t>> models;
  for (const std::string& mixer : shufflenet_mixers())
    models.emplace_back(std::make_unique<ShuffleNet>(ShuffleNetOptions{.classes = 5,
                                                                       .width = 0.25,
                                                                       .mixer = mixer,
                                                                       .image_size = 32,
                                                                       .statistics = statistics},
                                                     Rng(1)),
                        32);
  models.emplace_back(std::make_unique<ShuffleNet>(ShuffleNetOptions{.classes = 5,
                                                                     .width = 0.25,
                                                                     .groups = 3,
                                                                     .image_size = 128,
                                                                     .statistics = statistics},
                                                   Rng(1)),
                      128);
  for (const char* extra : {"none", "kmatrix"})
    models.emplace_back(
        std::make_unique<ResNet>(
            ResNetOptions{.classes = 5, .extra = extra, .channels = 8, .statistics = statistics},
            Rng(1)),
        16);
  models.emplace_back(
      std::make_unique<MixedConvnet>(
          MixedConvnetOptions{.height = 16, .width = 16, .features = 32, .statistics = statistics},
          Rng(1)),
      16);
  models.emplace_back(
      std::make_unique<ResidualMlp>(
          ResidualMlpOptions{.height = 8, .width = 8, .features = 64, .statistics = statistics},
          Rng(1)),
      8);
  for (const auto& [model, size] : models) {
    SCOPED_TRACE(model->describe());
    spread_norms(*model);
    expect_agreement(*model, {size, size, 3}, 1e-4);
  }
}

TEST_F(Onnx, AgreesWithReplacedLayers) {
  for (const char* hidden : {"low-rank:3", "kmatrix"}) {
    CompressedMlp model(
        {.inputs = 64, .width = 64, .classes = 5, .statistics = testing::statistics(64)}, Rng(1));
    linear_layers(model).front().second->replace(make_hidden(hidden, 64, 64, Rng(2)));
    expect_agreement(model, {64}, 1e-5);
  }
}

TEST_F(Onnx, NamesWhatItCannotWrite) {
  Sequential model(Linear(8, 8, {}, Rng(1)), LayerNorm(8));
  try {
    onnx_file(model, {8});
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), AllOf(HasSubstr("onnx"), HasSubstr("1: LayerNorm(8)")));
  }
}

}  // namespace
}  // namespace papilio::models
