// Models as C source, compiled by the system's compiler and compared with the models themselves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <regex>
#include <set>

#include "papilio/core/file.h"
#include "papilio/core/ops.h"
#include "papilio/layers/factory.h"
#include "papilio/models/compressed_mlp.h"
#include "papilio/models/deploy.h"
#include "papilio/models/deploy/c_file.h"
#include "papilio/tests/models/chains.h"
#include "papilio/tests/models/toy.h"

namespace papilio::models {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TemporaryFolder;

constexpr const char* kMain =
    "#include \"model.c\"\n"
    "#include <stdio.h>\n"
    "int main(void) {\n"
    "  static float x[PAPILIO_INPUTS], y[PAPILIO_OUTPUTS];\n"
    "  while (fread(x, sizeof x, 1, stdin) == 1) {\n"
    "    papilio_forward(x, y);\n"
    "    fwrite(y, sizeof y, 1, stdout);\n"
    "  }\n"
    "  return 0;\n"
    "}\n";

// y of the C source for every row of x.
Tensor run_c(const std::string& source, const Tensor& x, int64_t outputs) {
  const TemporaryFolder folder;
  write_file(folder / "model.c", source);
  write_file(folder / "main.c", kMain);
  write_file(folder / "x", {static_cast<const char*>(x.raw()), static_cast<size_t>(x.bytes())});
  const std::string command = "cc -std=c99 -pedantic -Wall -Wextra -Werror " + folder / "main.c" +
                              " -o " + folder / "main && " + folder / "main" + " < " +
                              folder / "x" + " > " + folder / "y";
  check(std::system(command.c_str()) == 0, "failed: ", command);
  const std::string bytes = read_file(folder / "y");
  Tensor y({x.dim(0), outputs});
  check(static_cast<int64_t>(bytes.size()) == y.bytes(), "the program wrote ", bytes.size(),
        " bytes");
  std::copy(bytes.begin(), bytes.end(), static_cast<char*>(y.mutable_raw()));
  return y;
}

Deployment expect_agreement(Module& model, const Shape& example, bool frozen = false,
                            double tolerance = 1e-5) {
  const Tensor x = testing::examples(example, 20);
  const Tensor expected = model(x);
  Deployment deployment = c_source(model, example, {.frozen = frozen});
  const Tensor y = run_c(deployment.file, x, expected.numel() / x.dim(0));
  EXPECT_LE(testing::relative_difference(expected, y), tolerance) << model.describe();
  return deployment;
}

TEST(CSource, AgreesWithEveryHiddenLayer) {
  for (const std::string_view hidden : hidden_names())
    for (const auto& [inputs, width] :
         std::vector<std::pair<int64_t, int64_t>>{{64, 64}, {48, 100}, {100, 7}})
      for (const bool frozen : {false, true}) {
        SCOPED_TRACE(concat(hidden, " ", inputs, " -> ", width, frozen ? ", frozen" : ""));
        CompressedMlp model({.inputs = inputs,
                             .hidden = std::string(hidden),
                             .width = width,
                             .classes = 5,
                             .statistics = testing::statistics(inputs)},
                            Rng(1));
        expect_agreement(model, {inputs}, frozen);
      }
}

// What `compress` makes: the layer that stands in the place of a dense one, not its dense matrix.
TEST(CSource, AgreesWithReplacedLayers) {
  for (const char* hidden : {"low-rank:3", "kmatrix", "monarch"}) {
    SCOPED_TRACE(hidden);
    CompressedMlp model(
        {.inputs = 64, .width = 64, .classes = 5, .statistics = testing::statistics(64)}, Rng(1));
    linear_layers(model).front().second->replace(make_hidden(hidden, 64, 64, Rng(2)));
    const Deployment file = expect_agreement(model, {64});
    if (hidden != std::string("monarch")) {  // which is written as a dense matrix
      EXPECT_LT(file.weight_bytes(), 4 * (32 * 64 + 64 + 5 * 65));
    }
  }
}

TEST(CSource, AgreesWithChainsOfLayers) {
  for (auto& [name, model, inputs] : testing::chains()) {
    SCOPED_TRACE(name);
    expect_agreement(*model, {inputs});
    expect_agreement(*model, {inputs}, true);
  }
}

TEST(CSource, HoldsNoMoreNumbersThanItMust) {
  const auto bytes = [](const std::string& hidden, bool frozen) {
    CompressedMlp model({.hidden = hidden, .statistics = testing::statistics(1024)}, Rng(1));
    return c_source(model, {1024}, {.frozen = frozen});
  };
  const int64_t others = 4 * (1024 + 10 * 1024 + 10);  // bias and head
  const Deployment kmatrix = bytes("kmatrix", false);
  EXPECT_EQ(kmatrix.weight_bytes(), 4 * 20 * 2048 + others);
  EXPECT_LE(kmatrix.weight_bytes(), 205 * 1024);
  EXPECT_LE(kmatrix.file.size(), 650000u);
  const Deployment frozen = bytes("kmatrix", true);
  EXPECT_EQ(frozen.weight_bytes(), 4 * 21 * 1024 + others);
  EXPECT_LE(frozen.weight_bytes(), 133 * 1024);
  for (const bool option : {false, true})
    EXPECT_LE(bytes("bpbp-complex", option).weight_bytes(), 110 * 1024);
  EXPECT_EQ(frozen.layers.at(0).note, "part of the next layer");
  EXPECT_EQ(frozen.layers.at(1).note, "frozen");
}

TEST(CSource, KeepsItsAccuracyWhenPixelsAreNearlyConstant) {
  data::Statistics statistics = testing::statistics(64);
  for (int64_t i = 0; i < 64; ++i) {
    statistics.mean.mutable_data<float>()[i] = 0.9f;
    statistics.deviation.mutable_data<float>()[i] = i % 5 == 0 ? 0.0f : 1e-3f;
  }
  for (const char* hidden : {"dense", "kmatrix", "bpbp"}) {
    CompressedMlp model(
        {.inputs = 64, .hidden = hidden, .width = 64, .classes = 5, .statistics = statistics},
        Rng(1));
    expect_agreement(model, {64});
  }
}

TEST(CSource, TakesImages) {
  CompressedMlp model(
      {.inputs = 48, .hidden = "butterfly", .width = 64, .classes = 3, .statistics = {}}, Rng(1));
  EXPECT_THAT(expect_agreement(model, {4, 4, 3}).file, HasSubstr("#define PAPILIO_INPUTS 48\n"));
}

TEST(CSource, ALayerOfALaterKindIsDense) {
  testing::Doubling model(8);
  EXPECT_EQ(expect_agreement(model, {8}).layers.at(0).note, "as a dense matrix");
}

// Whose layers' names are one when only letters and digits are left, or those of helpers.
class Colliding : public Module {
 public:
  Tensor forward(const Tensor& x) override {
    Tensor y = x;
    for (auto& layer : layers_) y = (*layer)(y);
    return y;
  }
  void fields(Fields& f) override {
    const std::string longest(80, 'n');
    const std::string names[] = {"dot", "transpose", "forward", "unit_16", "a.b",
                                 "a_b", "a-b",       "a_b_2",   longest,   longest + "2"};
    for (size_t i = 0; i < layers_.size(); ++i) f(names[i], layers_[i]);
  }

 private:
  static std::vector<std::unique_ptr<StructuredLinear>> make() {
    std::vector<std::unique_ptr<StructuredLinear>> layers;
    for (uint64_t i = 0; i < 10; ++i)
      layers.push_back(make_hidden(i % 2 == 0 ? "butterfly" : "dense", 64, 64, Rng(i)));
    layers[3] = make_hidden("butterfly", 64, 64, Rng(3));
    return layers;
  }
  std::vector<std::unique_ptr<StructuredLinear>> layers_ = make();
};

TEST(CSource, IdentifiersAreUnlikeEachOther) {
  for (const bool frozen : {false, true}) {
    Colliding model;
    const std::string file = expect_agreement(model, {64}, frozen).file;
    std::set<std::string> defined;
    const std::regex definition("static (?:const )?[a-z ]+ (\\w+)[\\[(]");
    for (std::sregex_iterator at(file.begin(), file.end(), definition), end; at != end; ++at) {
      const std::string name = (*at)[1];
      EXPECT_LE(name.size(), 63u);  // which C99 tells apart
      EXPECT_TRUE(defined.insert(name).second) << name;
    }
    EXPECT_GE(defined.size(), 25u);
  }
}

TEST(CSource, NamesWhatItCannotWrite) {
  const auto error = [](Module& model) -> std::string {
    try {
      c_source(model, {8});
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  };
  Sequential unsupported(Linear(8, 8, {}, Rng(1)), LayerNorm(8), Tanh());
  EXPECT_THAT(error(unsupported),
              AllOf(HasSubstr("1: LayerNorm(8), 2: Tanh"), HasSubstr("--to frozen")));
  testing::Residual residual(Rng(1));
  EXPECT_THAT(error(residual), AllOf(HasSubstr("between first and second"), HasSubstr("relu()")));
  Sequential complex(Real2Complex(), Butterfly(8, 8, {.dtype = DType::c64}, Rng(1)));
  EXPECT_THAT(error(complex), HasSubstr("Complex2Real"));
  CompressedMlp wild({.inputs = 8, .hidden = "dense", .width = 8, .classes = 2, .statistics = {}},
                     Rng(1));
  wild.parameters()[0].mutable_value().mutable_data<float>()[3] = INFINITY;
  EXPECT_THAT(error(wild), AllOf(HasSubstr("hidden_weight"), HasSubstr("inf")));
}

TEST(CSource, LiteralsAreShortAndExact) {
  for (const auto& [value, text] : std::vector<std::pair<float, std::string>>{{0.25f, ".25"},
                                                                              {-0.5f, "-.5"},
                                                                              {1.0f, "1."},
                                                                              {1e-9f, "1e-9"},
                                                                              {0.0f, "0."},
                                                                              {1e20f, "1e20"},
                                                                              {-3.25f, "-3.25"},
                                                                              {0.1f, ".1"}})
    EXPECT_EQ(c_literal(value), text);
  const Rng rng(3);
  for (uint64_t i = 0; i < 20000; ++i) {
    const auto value = static_cast<float>(rng.normal(i) * std::pow(10, rng.normal(i + 100000)));
    const std::string text = c_literal(value);
    EXPECT_EQ(static_cast<float>(std::strtod(text.c_str(), nullptr)), value) << text;
    EXPECT_LE(text.size(), 15u);
  }
}

}  // namespace
}  // namespace papilio::models
