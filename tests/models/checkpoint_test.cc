#include "papilio/models/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "papilio/core/safetensors.h"
#include "papilio/layers/butterfly.h"
#include "papilio/layers/linear.h"
#include "papilio/models/compressed_mlp.h"
#include "papilio/models/mixed_convnet.h"
#include "papilio/models/registry.h"
#include "papilio/tests/core/error_of.h"
#include "papilio/tests/models/toy.h"

namespace papilio::models {
namespace {

using papilio::testing::TemporaryFolder;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;

class MixNet : public Module {
 public:
  MixNet(int64_t width, int64_t classes, Rng rng)
      : width_(width),
        mix_(width, width, {}, rng.split("mix")),
        head_(width, classes, {}, rng.split("head")) {}
  Tensor forward(const Tensor& x) override { return head_(relu(mix_(x))); }
  void fields(Fields& f) override { f("mix", mix_), f("head", head_); }
  Config config() const override { return {{"width", width_}, {"classes", head_.out_features()}}; }

 private:
  int64_t width_;
  Butterfly mix_;
  Linear head_;
};

class Shared : public Module {
 public:
  explicit Shared(uint64_t seed) : first_(Parameter(randn({3, 3}, Rng(seed)))), second_(first_) {}
  Tensor forward(const Tensor& x) override { return matmul(matmul(x, first_), second_); }
  void fields(Fields& f) override { f("first", first_), f("second", second_); }

 private:
  Parameter first_, second_;
};

CompressedMlp mlp(const std::string& hidden, uint64_t seed, int64_t classes = 5) {
  return CompressedMlp(
      {.inputs = 16, .hidden = hidden, .width = 16, .classes = classes, .statistics = {}},
      Rng(seed));
}

std::vector<float> values(const Tensor& t) { return t.to_vector<float>(); }

TEST(Checkpoint, EveryHiddenLayerComesBackFromTheFileAlone) {
  const TemporaryFolder folder;
  const Tensor x = randn({3, 16}, Rng(1));
  for (const char* hidden :
       {"dense", "butterfly", "kmatrix", "kmatrix-orthogonal", "bpbp", "bpbp-complex"}) {
    CompressedMlp model = mlp(hidden, 2);
    save(model, folder / "m.safetensors");
    const auto loaded = models::load(folder / "m.safetensors");
    EXPECT_EQ(values((*loaded)(x)), values(model(x))) << hidden;
    EXPECT_EQ(loaded->parameter_count(), model.parameter_count()) << hidden;
  }
}

TEST(Checkpoint, ConvolutionNetworkWithStatisticsComesBack) {
  const TemporaryFolder folder;
  MixedConvnet model({.height = 8,
                      .width = 8,
                      .channels = 3,
                      .hidden = "kmatrix",
                      .features = 16,
                      .classes = 4,
                      .statistics = {}},
                     Rng(1));
  const Tensor x = rand_uniform({2, 8, 8, 3}, 0, 1, Rng(2));
  {
    Tape tape;  // moves the running statistics of the batch norms
    tape.backward(mean(model(x)));
  }
  save(model, folder / "m.safetensors");
  EXPECT_EQ(values((*models::load(folder / "m.safetensors"))(x)), values(model(x)));
}

TEST(Checkpoint, SavingIsAFunctionOfTheModel) {
  const TemporaryFolder folder;
  CompressedMlp model = mlp("kmatrix", 2);
  save(model, folder / "a");
  save(model, folder / "b");
  EXPECT_EQ(read_file(folder / "a"), read_file(folder / "b"));
}

TEST(Checkpoint, ASharedParameterIsSavedOnceAndSharedAgain) {
  const TemporaryFolder folder;
  Shared model(1), other(2);
  EXPECT_EQ(model.parameters().size(), 1u);
  save(model, folder / "m");
  EXPECT_EQ(read_safetensors(folder / "m").tensors.size(), 1u);
  load(other, folder / "m");
  const Tensor x = randn({2, 3}, Rng(3));
  EXPECT_EQ(values(other(x)), values(model(x)));
}

TEST(Checkpoint, StrictLoadingListsEveryMismatch) {
  const TemporaryFolder folder;
  CompressedMlp saved = mlp("kmatrix", 1, 5), target = mlp("dense", 2, 7);
  save(saved, folder / "m");
  const Tensor x = randn({1, 16}, Rng(1));
  const auto before = values(target(x));
  EXPECT_THAT(error_of([&] { load(target, folder / "m"); }),
              AllOf(HasSubstr("/m'"), HasSubstr("missing: hidden.weight [16, 16] f32"),
                    HasSubstr("extra: hidden.twiddle"),
                    HasSubstr("head.weight is [5, 16] f32, the model has [7, 16] f32"),
                    HasSubstr("head.bias is [5] f32")));
  EXPECT_EQ(values(target(x)), before);
}

TEST(Checkpoint, OptimizerStateStaysApart) {
  const TemporaryFolder folder;
  CompressedMlp model = mlp("bpbp-complex", 1);
  Checkpoint checkpoint = snapshot(model);
  checkpoint.training = {{"epoch", 3}};
  checkpoint.state.emplace_back("momentum.z", randn({2}, Rng(1), DType::c64));
  write_checkpoint(folder / "m", checkpoint);
  const Checkpoint back = read_checkpoint(folder / "m");
  ASSERT_EQ(back.state.size(), 1u);
  EXPECT_EQ(back.state[0].first, "momentum.z");
  EXPECT_EQ(back.state[0].second.dtype(), DType::c64);
  EXPECT_EQ(back.training, checkpoint.training);
  EXPECT_NO_THROW(load(model, folder / "m"));
}

TEST(Checkpoint, BadMetadataIsAnErrorThatNamesTheFile) {
  const TemporaryFolder folder;
  const auto message = [&](const std::string& metadata) {
    write_safetensors(folder / "m", {.tensors = {{"a", Tensor::zeros({3})}},
                                     .metadata = {{"papilio", metadata}}});
    return error_of([&] { read_checkpoint(folder / "m"); });
  };
  EXPECT_THAT(message("{"), HasSubstr("/m'"));
  EXPECT_THAT(message("[]"), HasSubstr("/m'"));
  EXPECT_THAT(message("{}"), HasSubstr("format"));
  EXPECT_THAT(message(R"({"format": 4})"), AllOf(HasSubstr("format 4"), HasSubstr("newer")));
  EXPECT_THAT(message(R"({"format": "1"})"), HasSubstr("/m'"));
  EXPECT_THAT(message(R"({"format": 1, "model": 3})"), HasSubstr("/m'"));
  EXPECT_THAT(message(R"({"format": 1, "complex": ["a"]})"), HasSubstr("'a' is stored as [3] f32"));
  EXPECT_THAT(message(R"({"format": 1, "complex": ["b"]})"),
              HasSubstr("'b', which it does not hold"));
}

TEST(Checkpoint, AbsurdSizesInTheConfigAreErrors) {
  const TemporaryFolder folder;
  CompressedMlp model = mlp("dense", 1);
  for (const int64_t inputs : {int64_t{0}, int64_t{-4}, int64_t{1} << 50, INT64_MAX}) {
    Checkpoint checkpoint = snapshot(model);
    checkpoint.config["inputs"] = inputs;
    write_checkpoint(folder / "m", checkpoint);
    EXPECT_THAT(error_of([&] { models::load(folder / "m"); }), HasSubstr("/m'")) << inputs;
  }
}

TEST(Registry, KnowsAModelByItsType) {
  CompressedMlp model = mlp("dense", 1);
  EXPECT_EQ(registered_name(model), "compressed_mlp");
  EXPECT_THAT(registered_models(), Contains("mixed_convnet"));
}

TEST(Registry, AUsersModelIsLoadedByItsName) {
  const TemporaryFolder folder;
  MixNet model(8, 3, Rng(1));
  save(model, folder / "m");
  EXPECT_THAT(error_of([&] { models::load(folder / "m"); }),
              AllOf(HasSubstr("compressed_mlp"), HasSubstr("register_model")));
  register_model("mixnet", [](const Config& c) -> std::unique_ptr<Module> {
    return std::make_unique<MixNet>(c.at("width").as_int(), c.at("classes").as_int(), Rng(0));
  });
  save(model, folder / "m");
  const Tensor x = randn({2, 8}, Rng(2));
  EXPECT_EQ(values((*models::load(folder / "m"))(x)), values(model(x)));
  EXPECT_THAT(error_of([] {
                register_model("mixnet", [](const Config&) { return std::unique_ptr<Module>(); });
              }),
              HasSubstr("'mixnet' is taken"));
}

TEST(Registry, AnUnknownNameListsTheKnownOnes) {
  EXPECT_THAT(error_of([] { make("resnet1001", {}); }),
              AllOf(HasSubstr("resnet1001"), HasSubstr("compressed_mlp")));
}

TEST(CompressedMlp, ParameterCountsAreThePapers) {
  const auto model = [](const std::string& hidden) {
    return CompressedMlp(
        {.inputs = 1024, .hidden = hidden, .width = 1024, .classes = 10, .statistics = {}}, Rng(1));
  };
  CompressedMlp dense = model("dense"), real = model("bpbp"), complex = model("bpbp-complex");
  EXPECT_EQ(dense.hidden_parameters(), 1048576);
  EXPECT_EQ(real.hidden_parameters(), 8184);
  EXPECT_EQ(complex.hidden_parameters(), 16368);
  EXPECT_EQ(dense.compression(), 1);
  EXPECT_NEAR(real.compression(), 56.9, 0.05);  // Dao et al. 2019, Table 1
  EXPECT_NEAR(complex.compression(), 39.4, 0.05);
}

TEST(CompressedMlp, WrongInputNamesBothSizes) {
  CompressedMlp model = mlp("dense", 1);
  EXPECT_THAT(error_of([&] {
                model(Tensor::zeros({2, 17}));
              }),
              AllOf(HasSubstr("17"), HasSubstr("16")));
}

}  // namespace
}  // namespace papilio::models
