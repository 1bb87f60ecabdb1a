#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "papilio/core/config.h"
#include "papilio/layers/norm.h"
#include "papilio/models/checkpoint.h"
#include "papilio/models/compressed_mlp.h"
#include "papilio/tests/apps/process.h"
#include "papilio/tests/models/toy.h"

namespace papilio::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Export : public ::testing::Test {
 protected:
  // Exports folder/`from` to folder/`to`.
  Outcome frozen(const std::string& from, const std::string& to,
                 std::vector<std::string> more = {}) const {
    std::vector<std::string> all = {"export", folder_ / from, "--to",
                                    "frozen", "--out",        folder_ / to};
    all.insert(all.end(), more.begin(), more.end());
    return run(all);
  }
  void save_mlp(const std::string& name, const std::string& hidden) const {
    models::CompressedMlp model(
        {.inputs = 64, .hidden = hidden, .width = 64, .classes = 4, .statistics = {}}, Rng(1));
    save(model, folder_ / name);
  }

  TemporaryFolder folder_;
};

TEST_F(Export, ATrainedModelIsSmallerAndAsGood) {
  write_mnist(folder_ / "mnist", 1200, 200);
  const std::string data = "mnist:" + (folder_ / "mnist");
  for (const char* hidden : {"butterfly", "kmatrix"}) {
    ASSERT_EQ(run({"train_mlp", "--data", data, "--out", folder_ / hidden, "--epochs", "2",
                   "--threads", "1", "--hidden", hidden})
                  .code,
              0);
    const std::string best = std::string(hidden) + "/best.safetensors",
                      last = std::string(hidden) + "/last.safetensors";
    const Outcome outcome = frozen(best, "small", {"--json", "-", "--force"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    const Config report = Config::parse(outcome.out);
    const int64_t factors = hidden == std::string("butterfly") ? 10 : 20;
    const Config* layer = nullptr;
    for (const Config& row : report.at("layers").as_array())
      if (row.at("layer").as_string() == "hidden") layer = &row;
    ASSERT_NE(layer, nullptr);
    EXPECT_EQ(layer->at("numbers_before").as_int(), 1024 * (2 * factors + 1));
    EXPECT_EQ(layer->at("numbers_after").as_int(), 1024 * (factors + 1 + 1));
    EXPECT_LE(report.at("largest_relative_difference").as_double(), 3e-7);
    const auto size = [&](const std::string& file) {
      return static_cast<int64_t>(std::filesystem::file_size(folder_ / file));
    };
    EXPECT_EQ(report.at("bytes_before").as_int(), size(best));
    EXPECT_EQ(report.at("bytes_after").as_int(), size("small"));
    EXPECT_LE(size("small"), size(best) - 4096 * (factors - 1) + 256);

    const auto accuracy = [&](const std::string& file) {
      const Outcome evaluated = run({"evaluate", folder_ / file, "--data", data, "--json", "-"});
      EXPECT_EQ(evaluated.code, 0) << evaluated.err;
      return Config::parse(evaluated.out).at("accuracy").as_double();
    };
    EXPECT_EQ(accuracy("small"), accuracy(best));
    EXPECT_GT(accuracy("small"), 0.4);
    const Outcome described = run({"describe", folder_ / "small"});
    EXPECT_EQ(described.out, run({"describe", folder_ / best}).out);

    // The state of training stays behind, and a run begins from the exported file.
    ASSERT_EQ(frozen(last, "small-last").code, 0);
    EXPECT_TRUE(models::read_checkpoint(folder_ / "small-last").state.empty());
    EXPECT_LT(size("small-last"), size(best));
    std::filesystem::remove(folder_ / "small-last");
    EXPECT_EQ(run({"train_mlp", "--data", data, "--out", folder_ / (hidden + std::string("-on")),
                   "--epochs", "1", "--hidden", hidden, "--init", folder_ / "small"})
                  .code,
              0);
    EXPECT_TRUE(models::read_checkpoint(folder_ / (hidden + std::string("-on/best.safetensors")))
                    .frozen.empty());
  }
}

TEST_F(Export, ReportsForPeople) {
  save_mlp("a", "kmatrix");
  const Outcome outcome = frozen("a", "b");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("CompressedMlp(64, kmatrix 64, 4)"), HasSubstr("hidden"),
                                 HasSubstr("total"), HasSubstr("bytes of the file"),
                                 HasSubstr("largest difference")));
}

TEST_F(Export, WritesNothingButWhatIsAskedFor) {
  save_mlp("a", "butterfly");
  const std::string before = read_file(folder_ / "a");
  write_file(folder_ / "b", "precious");
  const Outcome exists = frozen("a", "b");
  EXPECT_EQ(exists.code, 1);
  EXPECT_THAT(exists.err, AllOf(HasSubstr("/b' exists"), HasSubstr("--force")));
  EXPECT_EQ(read_file(folder_ / "b"), "precious");
  std::filesystem::create_symlink(folder_ / "a", folder_ / "link");
  for (const char* same : {"a", "link", "./a"})
    for (const bool force : {false, true}) {
      const Outcome outcome = frozen(
          "a", same, force ? std::vector<std::string>{"--force"} : std::vector<std::string>());
      EXPECT_EQ(outcome.code, 1);
      EXPECT_THAT(outcome.err, HasSubstr("is the checkpoint itself"));
    }
  EXPECT_EQ(read_file(folder_ / "a"), before);
  EXPECT_EQ(frozen("a", "b", {"--force"}).code, 0);
  EXPECT_EQ(models::read_checkpoint(folder_ / "b").frozen.size(), 1u);
}

TEST_F(Export, MistakesAreExplained) {
  const auto error = [&](const std::string& from, int code = 1) {
    const Outcome outcome = frozen(from, "out");
    EXPECT_EQ(outcome.code, code);
    EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
    return outcome.err;
  };
  EXPECT_EQ(run({"export"}).code, 2);
  save_mlp("a", "butterfly");
  const Outcome form = run({"export", folder_ / "a", "--to", "cast", "--out", folder_ / "out"});
  EXPECT_EQ(form.code, 2);
  EXPECT_THAT(form.err, AllOf(HasSubstr("cast"), HasSubstr("frozen")));
  EXPECT_THAT(error("none"), HasSubstr("/none'"));
  write_file(folder_ / "junk", std::string(100, 'x'));
  EXPECT_THAT(error("junk"), HasSubstr("/junk'"));
  BatchNorm2d layer(16);  // a module by itself, which no factory makes
  save(layer, folder_ / "layer");
  EXPECT_THAT(error("layer"), AllOf(HasSubstr("/layer'"), HasSubstr("no registered model")));
  for (const char* hidden : {"dense", "kmatrix-orthogonal", "bpbp", "bpbp-complex"}) {
    save_mlp(hidden, hidden);
    EXPECT_THAT(error(hidden),
                AllOf(HasSubstr("nothing to freeze"), HasSubstr("no untied twiddle")))
        << hidden;
  }
  ASSERT_EQ(frozen("a", "b").code, 0);
  EXPECT_THAT(error("b"), HasSubstr("hidden.twiddle is frozen already"));
  models::Checkpoint wild = models::read_checkpoint(folder_ / "a");
  for (auto& [name, tensor] : wild.tensors)
    if (name == "hidden.twiddle") tensor = scale(tensor, 1e30);
  models::write_checkpoint(folder_ / "wild", wild);
  EXPECT_THAT(error("wild"), AllOf(HasSubstr("range of the dtype"), HasSubstr("hidden.twiddle")));
  EXPECT_EQ(run({"export", folder_ / "a", "--to", "frozen", "--out", folder_ / "none/out"}).code,
            1);
}

}  // namespace
}  // namespace papilio::testing
