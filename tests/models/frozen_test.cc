// Checkpoints that hold twiddles in their frozen form. Long because of the malformed files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "papilio/core/safetensors.h"
#include "papilio/layers/bpbp.h"
#include "papilio/layers/butterfly.h"
#include "papilio/layers/kmatrix.h"
#include "papilio/layers/linear.h"
#include "papilio/models/checkpoint.h"
#include "papilio/models/compressed_mlp.h"
#include "papilio/optim/optimizer.h"
#include "papilio/tests/core/error_of.h"
#include "papilio/tests/models/toy.h"

namespace papilio::models {
namespace {

using papilio::testing::TemporaryFolder;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// max |a - b| / max |a|
double difference(const Tensor& a, const Tensor& b) {
  double largest = 0, worst = 0;
  dispatch_floating(a.dtype(), "test", [&]<class T>() {
    for (int64_t i = 0; i < a.numel(); ++i) {
      largest = std::max(largest, double(std::abs(a.data<T>()[i])));
      worst = std::max(worst, double(std::abs(a.data<T>()[i] - b.data<T>()[i])));
    }
  });
  return worst / largest;
}

double tolerance(DType dtype) {
  if (dtype == DType::f32) return 3e-7;
  return dtype == DType::c64 ? 4e-7 : 1e-15;
}

int64_t numbers(const Safetensors& file, const std::string& name) {
  const Tensor* tensor = file.find(name);
  return tensor == nullptr ? -1 : tensor->numel();
}

struct Sizes {
  int64_t in, out;
};
constexpr Sizes kSizes[] = {{4, 4}, {16, 16}, {100, 70}, {60, 200}, {1024, 1024}};
constexpr DType kDTypes[] = {DType::f32, DType::f64, DType::c64, DType::c128};

// Saves layer `original`, loads into `other` of the same class, and compares outputs with those of
// the original twiddle in double precision: of inference, of the general form, and of the loaded
// numbers in double precision. Returns the largest difference.
template <class L>
double round_trip(L& original, L& other, const std::string& file, bool increasing_stride) {
  const int64_t n = original.n(), stacks = original.nstacks(), in = original.in_features(),
                out = original.out_features();
  const Tensor before = original.untied_twiddle();
  save(original, file, {.frozen = true});
  const Safetensors stored = read_safetensors(file);
  EXPECT_EQ(numbers(stored, "twiddle"), stacks * (before.dim(1) * before.dim(2) + 1) * n *
                                            (is_complex(original.dtype()) ? 2 : 1));
  load(other, file);
  const DType wide = is_complex(original.dtype()) ? DType::c128 : DType::f64;
  const Tensor x = randn({24, in}, Rng(3), original.dtype());
  const auto exact = [&](const L& layer) {
    const Tensor y =
        butterfly_multiply(x.to(wide), layer.untied_twiddle().to(wide), n, increasing_stride, out);
    return layer.bias().defined() ? add(y, layer.bias().value().to(wide)) : y;
  };
  const Tensor reference = exact(original);
  const double stored_error = difference(reference, exact(other)),
               inference = difference(reference, other(x).to(wide));
  const Tape tape;
  return std::max({stored_error, inference, difference(reference, other(x).to(wide))});
}

TEST(Frozen, ButterfliesAgreeToRounding) {
  const TemporaryFolder folder;
  for (const DType dtype : kDTypes) {
    double worst = 0;
    for (const auto [in, out] : kSizes)
      for (const int64_t nblocks : {1, 2, 3})
        for (const bool increasing : {true, false}) {
          const ButterflyOptions options{.dtype = dtype,
                                         .increasing_stride = increasing,
                                         .nblocks = nblocks,
                                         .init = nblocks == 1 ? "randn" : "ortho"};
          Butterfly a(in, out, options, Rng(1)), b(in, out, options, Rng(2));
          const double found = round_trip(a, b, folder / "b", increasing);
          EXPECT_LE(found, tolerance(dtype)) << a.describe() << " " << text(dtype);
          worst = std::max(worst, found);
        }
    RecordProperty("worst_" + std::string(text(dtype)), std::to_string(worst * 1e9) + "e-9");
  }
}

TEST(Frozen, KMatricesAgreeToRounding) {
  const TemporaryFolder folder;
  for (const DType dtype : kDTypes) {
    double worst = 0;
    for (const auto [in, out] : kSizes)
      for (const int64_t width : {1, 2}) {
        const KMatrixOptions options{
            .width = width, .dtype = dtype, .init = width == 1 ? "randn" : "ortho"};
        KMatrix a(in, out, options, Rng(1)), b(in, out, options, Rng(2));
        const double found = round_trip(a, b, folder / "k", false);
        EXPECT_LE(found, tolerance(dtype)) << a.describe() << " " << text(dtype);
        worst = std::max(worst, found);
      }
    RecordProperty("worst_" + std::string(text(dtype)), std::to_string(worst * 1e9) + "e-9");
  }
}

TEST(Frozen, ExactTransformsAndZerosSurvive) {
  const TemporaryFolder folder;
  for (const char* init : {"fft", "ifft", "identity"}) {
    const ButterflyOptions options{.bias = false, .dtype = DType::c64, .init = init};
    Butterfly a(256, 256, options, Rng(1)), b(256, 256, options, Rng(2));
    b.scale_matrix(3);  // so that loading has something to do
    EXPECT_LE(round_trip(a, b, folder / "b", true), 3e-7) << init;
  }
  Butterfly zero = Butterfly::from_twiddle(8, 8, Tensor::zeros({1, 1, 3, 4, 2, 2}));
  save(zero, folder / "z", {.frozen = true});
  Butterfly back(8, 8, {.bias = false}, Rng(1));
  load(back, folder / "z");
  for (const float y : back(randn({2, 8}, Rng(1))).to_vector<float>()) EXPECT_EQ(y, 0);
}

// One of everything.
class Mixture : public Module {
 public:
  explicit Mixture(uint64_t seed)
      : plain(16, 16, {}, Rng(seed).split("plain")),
        tied(16, 16, {.tied = true}, Rng(seed).split("tied")),
        orthogonal(16, 16, {.orthogonal = true}, Rng(seed).split("orthogonal")),
        bpbp(16, {}, Rng(seed).split("bpbp")),
        dense(16, 1, {}, Rng(seed).split("dense")),
        single(1, 2, {}, Rng(seed).split("single")),
        pair(2, 2, {}, Rng(seed).split("pair")),
        wild(2, 16, {.nblocks = 2}, Rng(seed).split("wild")) {}
  Tensor forward(const Tensor& x) override {
    return wild(pair(single(dense(bpbp(orthogonal(tied(plain(x))))))));
  }
  void fields(Fields& f) override {
    f("plain", plain), f("tied", tied), f("orthogonal", orthogonal), f("bpbp", bpbp);
    f("dense", dense), f("single", single), f("pair", pair), f("wild", wild);
  }

  Butterfly plain, tied;
  KMatrix orthogonal;
  Bpbp bpbp;
  Linear dense;
  Butterfly single, pair, wild;
};

// Multiplies the twiddle by a factor that leaves no frozen form.
void make_wild(Butterfly& layer) {
  Parameter twiddle = layer.twiddle();
  twiddle.mutable_value().assign(scale(layer.twiddle(), 1e30));
}

TEST(Frozen, OtherLayersAreStoredAsTheyAre) {
  const TemporaryFolder folder;
  Mixture model(1), loaded(2);
  make_wild(model.wild);
  Checkpoint checkpoint = snapshot(model);
  EXPECT_THAT(freeze(checkpoint, model), ElementsAre("wild.twiddle"));
  EXPECT_THAT(checkpoint.frozen, ElementsAre("plain.twiddle"));
  save(model, folder / "m", {.frozen = true});  // with a warning
  const Checkpoint back = read_checkpoint(folder / "m");
  EXPECT_THAT(back.frozen, ElementsAre("plain.twiddle"));
  const Checkpoint before = snapshot(model);
  ASSERT_EQ(back.tensors.size(), before.tensors.size());
  for (size_t i = 0; i < back.tensors.size(); ++i) {
    const auto& [name, tensor] = before.tensors[i];
    EXPECT_EQ(back.tensors[i].first, name);
    EXPECT_EQ(tensor.to_vector<float>() == back.tensors[i].second.to_vector<float>(),
              name != "plain.twiddle")
        << name;
  }
  load(loaded, folder / "m");
  const Tensor x = randn({4, 16}, Rng(3));
  EXPECT_LE(difference(model.plain(x), loaded.plain(x)), 3e-7);
}

TEST(Frozen, WithoutAFormSavesAnOrdinaryFile) {
  const TemporaryFolder folder;
  Butterfly wild(2, 16, {.nblocks = 2}, Rng(1));
  make_wild(wild);
  Bpbp tied(16, {}, Rng(1));
  for (Module* model : {static_cast<Module*>(&wild), static_cast<Module*>(&tied)}) {
    save(*model, folder / "plain");
    save(*model, folder / "frozen", {.frozen = true});
    EXPECT_EQ(read_file(folder / "plain"), read_file(folder / "frozen"));
  }
}

CompressedMlp mlp(uint64_t seed) {
  return CompressedMlp(
      {.inputs = 64, .hidden = "kmatrix", .width = 64, .classes = 4, .statistics = {}}, Rng(seed));
}

TEST(Frozen, TheFileIsWrittenAgainAsItIs) {
  const TemporaryFolder folder;
  CompressedMlp model = mlp(1);
  save(model, folder / "plain");
  save(model, folder / "frozen", {.frozen = true});
  EXPECT_THAT(read_file(folder / "plain"), Not(HasSubstr("frozen")));
  EXPECT_LE(read_file(folder / "frozen").size() + (2 * 12 * 64 - 13 * 64) * sizeof(float),
            read_file(folder / "plain").size() + 64);
  write_checkpoint(folder / "again", read_checkpoint(folder / "frozen"));
  EXPECT_EQ(read_file(folder / "frozen"), read_file(folder / "again"));
  // A loaded model is an ordinary one: what it saves is frozen only when asked for.
  const auto loaded = models::load(folder / "frozen");
  EXPECT_THAT(snapshot(*loaded).frozen, IsEmpty());
  save(*loaded, folder / "thawed");
  EXPECT_EQ(read_file(folder / "thawed").size(), read_file(folder / "plain").size());
  save(*loaded, folder / "again", {.frozen = true});  // balancing has lost nothing
  EXPECT_EQ(read_file(folder / "frozen"), read_file(folder / "again"));
}

TEST(Frozen, TheLoadedModelTrains) {
  const TemporaryFolder folder;
  CompressedMlp first = mlp(1);
  save(first, folder / "m", {.frozen = true});
  const auto model = models::load(folder / "m");
  optim::Adam adam(model->parameters(), {.lr = 0.003});
  const Tensor x = randn({32, 64}, Rng(2));
  std::vector<int64_t> classes;
  for (int64_t i = 0; i < 32; ++i) classes.push_back(i % 4);
  const Tensor labels = Tensor::from(classes, {32});
  const double before = cross_entropy((*model)(x), labels).item();
  for (int step = 0; step < 30; ++step) {
    Tape tape;
    tape.backward(cross_entropy((*model)(x), labels));
    adam.step();
  }
  EXPECT_LT(cross_entropy((*model)(x), labels).item(), before / 2);
}

TEST(Frozen, ListingATwiddleIsNotFreezingIt) {
  const TemporaryFolder folder;
  CompressedMlp model = mlp(1);
  Checkpoint checkpoint = snapshot(model);
  checkpoint.frozen = {"hidden.twiddle"};
  EXPECT_THAT(error_of([&] { write_checkpoint(folder / "m", checkpoint); }),
              AllOf(HasSubstr("'hidden.twiddle'"), HasSubstr("freeze()")));
  checkpoint.frozen = {"head.weight"};
  EXPECT_THAT(error_of([&] { write_checkpoint(folder / "m", checkpoint); }),
              AllOf(HasSubstr("'head.weight'"), HasSubstr("not an untied twiddle")));
}

TEST(Frozen, MalformedFilesAreErrorsThatNameFileAndTensor) {
  const TemporaryFolder folder;
  const auto message = [&](const Tensor& tensor, const std::string& lists = R"("frozen": ["t"])") {
    write_safetensors(folder / "m", {.tensors = {{"t", tensor}},
                                     .metadata = {{"papilio", R"({"format": 2, )" + lists + "}"}}});
    return error_of([&] { read_checkpoint(folder / "m"); });
  };
  const auto refuses = [&](const Tensor& tensor) {
    EXPECT_THAT(message(tensor), AllOf(HasSubstr("/m'"), HasSubstr("tensor 't' is stored as")));
  };
  EXPECT_EQ(message(Tensor::zeros({1, 4, 4, 2})), "no error");
  EXPECT_EQ(message(Tensor::zeros({3, 7, 4, 2})), "no error");
  refuses(Tensor::zeros({1, 1, 3, 4, 2, 2}));
  refuses(Tensor::zeros({}));
  refuses(Tensor::zeros({1, 4, 4, 4}));
  refuses(Tensor::zeros({1, 4, 3, 2}));  // n = 6
  refuses(Tensor::zeros({1, 4, 0, 2}));
  refuses(Tensor::zeros({0, 4, 4, 2}));
  refuses(Tensor::zeros({1, 0, 4, 2}));
  refuses(Tensor::zeros({1, 1, 4, 2}));  // no factor
  refuses(Tensor::zeros({1, 3, 4, 2}));  // 2 factors of 3: the diagonals are missing
  refuses(Tensor::zeros({1, 5, 4, 2}));
  refuses(Tensor::zeros({1, 4, 4, 2}, DType::i64));
  for (const double bad :
       {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
    EXPECT_THAT(message(Tensor::full({1, 4, 4, 2}, bad)),
                AllOf(HasSubstr("/m'"), HasSubstr("tensor 't' has a value that is not finite")));
  const Tensor good = Tensor::zeros({1, 4, 4, 2});
  EXPECT_THAT(message(good, R"("frozen": ["t", "u"])"),
              AllOf(HasSubstr("/m'"), HasSubstr("'u', which it does not hold")));
  for (const char* lists : {R"("frozen": "t")", R"("frozen": [3])", R"("frozen": {"t": 1})"})
    EXPECT_THAT(message(good, lists), HasSubstr("/m'")) << lists;
  EXPECT_EQ(message(Tensor::zeros({1, 4, 4, 2, 2}), R"("frozen": ["t"], "complex": ["t"])"),
            "no error");
  EXPECT_THAT(message(good, R"("frozen": ["t"], "complex": ["t"])"), HasSubstr("'t' is stored as"));
}

TEST(Frozen, OfAnotherSizeDoesNotFitTheModel) {
  const TemporaryFolder folder;
  Butterfly small(16, 16, {}, Rng(1)), large(32, 16, {}, Rng(1));
  save(small, folder / "m", {.frozen = true});
  EXPECT_THAT(error_of([&] { load(large, folder / "m"); }),
              AllOf(HasSubstr("twiddle is [1, 1, 4, 8, 2, 2] f32"), HasSubstr("[1, 1, 5, 16")));
}

}  // namespace
}  // namespace papilio::models
