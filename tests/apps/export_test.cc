#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "papilio/core/config.h"
#include "papilio/data/open.h"
#include "papilio/layers/norm.h"
#include "papilio/models/checkpoint.h"
#include "papilio/models/compressed_mlp.h"
#include "papilio/models/resnet.h"
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

// The values of a .npy file of f32.
std::vector<float> read_npy(const std::string& path, size_t count) {
  const std::string bytes = read_file(path);
  std::vector<float> values(count);
  check(bytes.size() >= count * sizeof(float), path, " is too short");
  std::copy(bytes.end() - static_cast<std::ptrdiff_t>(count * sizeof(float)), bytes.end(),
            reinterpret_cast<char*>(values.data()));
  return values;
}

TEST_F(Export, ACFileAgreesWithTheLogitsThatEvaluateWrites) {
  write_mnist(folder_ / "mnist", 300, 50);
  const std::string data = "mnist:" + (folder_ / "mnist");
  ASSERT_EQ(run({"train_mlp", "--data", data, "--out", folder_ / "run", "--epochs", "1",
                 "--threads", "1"})
                .code,
            0);
  const std::string model = folder_ / "run/best.safetensors";
  ASSERT_EQ(run({"evaluate", model, "--data", data, "--logits", folder_ / "logits.npy"}).code, 0);
  const auto test = data::open(data, data::Split::test, models::read_checkpoint(model).input);
  std::string pixels;
  for (int64_t i = 0; i < test.size(); ++i) {
    const Tensor image = test.get(i).image;
    pixels.append(static_cast<const char*>(image.raw()), static_cast<size_t>(image.bytes()));
  }
  write_file(folder_ / "x", pixels);
  write_file(folder_ / "main.c",
             "#include \"mlp.c\"\n#include <stdio.h>\nint main(void) {\n"
             "  static float x[PAPILIO_INPUTS], y[PAPILIO_OUTPUTS];\n"
             "  while (fread(x, sizeof x, 1, stdin) == 1) {\n    papilio_forward(x, y);\n"
             "    fwrite(y, sizeof y, 1, stdout);\n  }\n  return 0;\n}\n");
  for (const bool frozen : {false, true}) {
    std::vector<std::string> command = {"export",          model,    "--to", "c",      "--out",
                                        folder_ / "mlp.c", "--json", "-",    "--force"};
    if (frozen) command.emplace_back("--frozen");
    const Outcome outcome = run(command);
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    const Config report = Config::parse(outcome.out);
    EXPECT_EQ(report.at("bytes").as_int(),
              static_cast<int64_t>(std::filesystem::file_size(folder_ / "mlp.c")));
    EXPECT_LE(report.at("bytes").as_int(), 650000);
    EXPECT_LE(report.at("weight_bytes").as_int(), (frozen ? 133 : 205) * 1024);
    EXPECT_EQ(report.at("layers").as_array().size(), 3u);
    const std::string build = "cc -std=c99 -Wall -Wextra -Werror -O2 " + folder_ / "main.c" +
                              " -o " + folder_ / "main && " + folder_ / "main" + " < " +
                              folder_ / "x" + " > " + folder_ / "y";
    ASSERT_EQ(std::system(build.c_str()), 0);
    const size_t count = std::filesystem::file_size(folder_ / "y") / sizeof(float);
    ASSERT_GE(count, static_cast<size_t>(test.size()) * 4);
    const std::vector<float> expected = read_npy(folder_ / "logits.npy", count),
                             y = read_npy(folder_ / "y", count);
    float largest = 0, difference = 0;
    for (size_t i = 0; i < count; ++i) {
      largest = std::max(largest, std::abs(expected[i]));
      difference = std::max(difference, std::abs(expected[i] - y[i]));
    }
    EXPECT_LE(difference, 1e-5f * largest);
  }
}

TEST_F(Export, OnnxAndCOfOtherModels) {
  save_mlp("mlp", "bpbp-complex");
  const auto exported = [&](const std::string& from, const std::string& form,
                            std::vector<std::string> more = {}) {
    std::vector<std::string> all = {"export", folder_ / from,  "--to",   form, "--force",
                                    "--out",  folder_ / "out", "--json", "-"};
    all.insert(all.end(), more.begin(), more.end());
    return run(all);
  };
  const Outcome onnx = exported("mlp", "onnx");
  ASSERT_EQ(onnx.code, 0) << onnx.err;
  EXPECT_EQ(Config::parse(onnx.out).at("bytes").as_int(),
            static_cast<int64_t>(std::filesystem::file_size(folder_ / "out")));
  EXPECT_THAT(onnx.err, AllOf(HasSubstr("hidden"), HasSubstr("bytes of weights")));
  const Outcome frozen = exported("mlp", "onnx", {"--frozen"});
  EXPECT_EQ(frozen.code, 1);
  EXPECT_THAT(frozen.err, AllOf(HasSubstr("--frozen"), HasSubstr("leave the flag out")));

  std::filesystem::remove(folder_ / "out");
  models::ResNet resnet(
      {.classes = 4,
       .channels = 4,
       .statistics = {{}, {}, Config{{"height", 16}, {"width", 16}, {"channels", 3}}}},
      Rng(1));
  save(resnet, folder_ / "resnet");
  const Outcome c = exported("resnet", "c");
  EXPECT_EQ(c.code, 1);
  EXPECT_THAT(c.err, AllOf(HasSubstr("conv1: Conv2d"), HasSubstr("blocks.7.bn2: BatchNorm2d"),
                           HasSubstr("--to onnx")));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
  EXPECT_EQ(exported("resnet", "onnx").code, 0);
  models::ResNet unknown({.classes = 4, .channels = 4, .statistics = {}}, Rng(1));
  save(unknown, folder_ / "unknown");
  EXPECT_THAT(exported("unknown", "onnx").err,
              AllOf(HasSubstr("/unknown'"), HasSubstr("shape of one example")));
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
