#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "papilio/core/config.h"
#include "papilio/core/file.h"
#include "papilio/layers/butterfly.h"
#include "papilio/models/checkpoint.h"
#include "papilio/models/compressed_mlp.h"
#include "papilio/tests/apps/process.h"
#include "papilio/tests/models/toy.h"

namespace papilio::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Compress : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TemporaryFolder>();
    write_mnist(*folder_ / "mnist", 1200, 200);
    data_ = "mnist:" + (*folder_ / "mnist");
    ASSERT_EQ(run({"train_mlp", "--data", data_, "--out", *folder_ / "a", "--epochs", "2",
                   "--threads", "1", "--hidden", "dense", "--width", "64"})
                  .code,
              0);
  }
  static void TearDownTestSuite() { folder_.reset(); }

  static std::string at(const std::string& name) { return *folder_ / name; }
  static std::vector<std::string> arguments(const std::string& from, const std::string& to,
                                            std::vector<std::string> more = {}) {
    std::vector<std::string> all = {"compress",   at(from),  "--data",    data_,     "--out",
                                    at(to),       "--steps", "20",        "--batch", "50",
                                    "--finetune", "1",       "--threads", "1"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  static Outcome compress(const std::string& from, const std::string& to,
                          std::vector<std::string> more = {}) {
    return run(arguments(from, to, std::move(more)));
  }

  static std::unique_ptr<TemporaryFolder> folder_;
  static std::string data_;
};
std::unique_ptr<TemporaryFolder> Compress::folder_;
std::string Compress::data_;

TEST_F(Compress, ASmallNetworkThatIsAsGood) {
  const Outcome outcome =
      compress("a/best.safetensors", "small", {"--budget", "params=20%", "--json", "-"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Config report = Config::parse(outcome.out);
  const Config &before = report.at("before"), &after = report.at("after");
  for (const char* key : {"accuracy", "loss", "parameters", "compression", "bytes", "latency_us",
                          "images_per_second"}) {
    EXPECT_GT(before.at(key).as_double(), 0) << key;
    EXPECT_GT(after.at(key).as_double(), 0) << key;
  }
  EXPECT_EQ(before.at("parameters").as_int(), 1024 * 64 + 64 + 64 * 10 + 10);
  EXPECT_LE(after.at("parameters").as_int(), before.at("parameters").as_int() / 5);
  EXPECT_EQ(after.at("bytes").as_int(),
            static_cast<int64_t>(std::filesystem::file_size(at("small"))));
  EXPECT_GE(after.at("accuracy").as_double(), before.at("accuracy").as_double() - 0.05);
  EXPECT_GE(report.at("compression").as_double(), 5);
  const Config& hidden = report.at("layers").as_array().at(0);
  EXPECT_EQ(hidden.at("layer").as_string(), "hidden");
  EXPECT_THAT(hidden.at("method").as_string(), HasSubstr("low-rank:"));
  EXPECT_EQ(hidden.at("before").at("parameters").as_int(), 1024 * 64 + 64);
  EXPECT_LT(hidden.at("after").at("parameters").as_int(), 1024 * 64 / 5);
  EXPECT_GT(hidden.at("error").as_double(), 0);
  for (const Config* row : {&before, &after, &hidden})
    for (const char* key : {"method", "parameters", "compression", "accuracy", "spread",
                            "latency_us", "images_per_second"})
      EXPECT_TRUE(row->find(key)) << key;

  // The file is a checkpoint like any other.
  const Outcome evaluated = run({"evaluate", at("small"), "--data", data_, "--json", "-"});
  ASSERT_EQ(evaluated.code, 0) << evaluated.err;
  EXPECT_EQ(Config::parse(evaluated.out).at("accuracy"), after.at("accuracy"));
  EXPECT_EQ(Config::parse(evaluated.out).at("parameters"), after.at("parameters"));
  EXPECT_THAT(run({"describe", at("small")}).out, HasSubstr("LowRank(1024, 64"));
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("accuracy, %"), HasSubstr("parameters"),
                                 HasSubstr("latency, batch 1, us")));

  // It is there, and is not compressed again without being asked for; then what is dense is left.
  EXPECT_THAT(compress("a/best.safetensors", "small").err,
              AllOf(HasSubstr("/small' exists"), HasSubstr("--force")));
  EXPECT_EQ(compress("a/best.safetensors", "small", {"--budget", "error=0.5", "--force"}).code, 0);
}

TEST_F(Compress, EveryClassGivesACheckpoint) {
  for (const char* to : {"lowrank", "monarch", "butterfly", "kmatrix"}) {
    const Outcome outcome = compress("a/best.safetensors", to,
                                     {"--to", to, "--budget", "params=80%", "--max-loss", "-100"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("can't be compressed to params=80% at the wanted"),
                                   HasSubstr("points less than before")));
    EXPECT_EQ(run({"evaluate", at(to), "--data", data_}).code, 0);
  }
  // Twiddles of a compressed network have a frozen form too.
  ASSERT_EQ(run({"export", at("kmatrix"), "--to", "frozen", "--out", at("frozen"), "--force"}).code,
            0);
  EXPECT_EQ(run({"evaluate", at("frozen"), "--data", data_}).code, 0);
}

TEST_F(Compress, GoesOnWhereItStopped) {
  const std::vector<std::string> settings = {"--to",       "kmatrix", "--budget", "params=80%",
                                             "--finetune", "4",       "--resume"};
  ASSERT_EQ(compress("a/best.safetensors", "whole", settings).code, 0);
  const pid_t process =
      start(arguments("a/best.safetensors", "parts", settings), at("log.out"), at("log.err"));
  for (int i = 0; i < 600 && !std::filesystem::exists(at("parts.run/metrics.csv")); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  kill(process, SIGINT);
  const int code = wait_for(process);
  EXPECT_TRUE(code == 130 || code == 0) << code;  // 0: it had ended already
  const std::string said = read_file(at("log.err"));
  const bool written = code == 0 || said.find("only the report is missing") != std::string::npos;
  EXPECT_EQ(std::filesystem::exists(at("parts")), written) << said;
  std::vector<std::string> other = settings;
  other[3] = "params=70%";
  const Outcome changed = compress("a/best.safetensors", "parts", other);
  EXPECT_EQ(changed.code, 1);
  EXPECT_THAT(changed.err, HasSubstr("other settings"));
  ASSERT_EQ(compress("a/best.safetensors", "parts", settings).code, 0);
  EXPECT_EQ(read_file(at("parts")), read_file(at("whole")));
}

TEST_F(Compress, ControlCInTheProjectionEndsSoonAndKeepsWhatWasThere) {
  std::vector<std::string> settings = {"--to", "kmatrix", "--budget", "params=80%"};
  ASSERT_EQ(compress("a/best.safetensors", "kept", settings).code, 0);
  const auto files = [&] {
    return read_file(at("kept")) + read_file(at("kept.run/projected.safetensors")) +
           run_bytes(at("kept.run"));
  };
  const std::string before = files();
  settings.insert(settings.end(), {"--steps", "100000000", "--force"});
  const pid_t process =
      start(arguments("a/best.safetensors", "kept", settings), at("kept.out"), at("kept.err"));
  const auto projects = [&] {
    return std::filesystem::exists(at("kept.err")) &&
           read_file(at("kept.err")).find("parameters") != std::string::npos;
  };
  for (int i = 0; i < 600 && !projects(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const auto start_time = std::chrono::steady_clock::now();
  kill(process, SIGINT);
  EXPECT_EQ(wait_for(process), 130);
  EXPECT_LT(std::chrono::steady_clock::now() - start_time, std::chrono::seconds(10));
  EXPECT_THAT(read_file(at("kept.err")), HasSubstr("interrupted: nothing was changed"));
  EXPECT_EQ(files(), before);
}

TEST_F(Compress, MistakesAreExplained) {
  const auto error = [&](const std::string& from, std::vector<std::string> more = {},
                         int code = 1) {
    const Outcome outcome = compress(from, "out", std::move(more));
    EXPECT_EQ(outcome.code, code) << outcome.err;
    EXPECT_FALSE(std::filesystem::exists(at("out")));
    return outcome.err;
  };
  EXPECT_EQ(run({"compress"}).code, 2);
  EXPECT_THAT(error("a/best.safetensors", {"--to", "fft"}, 2), HasSubstr("fft"));
  EXPECT_THAT(error("a/best.safetensors", {"--budget", "size=3"}),
              AllOf(HasSubstr("'size=3'"), HasSubstr("params=SHARE")));
  EXPECT_THAT(error("a/best.safetensors", {"--budget", "params=0.5%"}),
              AllOf(HasSubstr("can't be met"), HasSubstr("the least is params=")));
  EXPECT_THAT(error("a/best.safetensors", {"--budget", "error=0.0001", "--to", "butterfly"}),
              AllOf(HasSubstr("can't be met"), HasSubstr("nearest is butterfly")));
  EXPECT_THAT(error("none"), HasSubstr("/none'"));

  models::CompressedMlp structured(
      {.inputs = 1024, .hidden = "kmatrix", .width = 64, .classes = 10, .statistics = {}}, Rng(1));
  save(structured, at("structured"));
  EXPECT_THAT(error("structured", {"--budget", "params=1%"}), HasSubstr("can't be met"));
  Butterfly layer(1024, 10, {}, Rng(1));
  save(layer, at("layer"));
  EXPECT_NE(error("layer").find("layer"), std::string::npos);
  models::CompressedMlp small(
      {.inputs = 100, .hidden = "dense", .width = 64, .classes = 10, .statistics = {}}, Rng(1));
  save(small, at("small-input"));
  EXPECT_THAT(error("small-input"),
              AllOf(HasSubstr("does not fit the network"), HasSubstr("[32, 32, 1]"),
                    HasSubstr("the model takes 100")));
  models::CompressedMlp few(
      {.inputs = 1024, .hidden = "dense", .width = 64, .classes = 7, .statistics = {}}, Rng(1));
  save(few, at("few"));
  EXPECT_THAT(error("few"), AllOf(HasSubstr("10 classes"), HasSubstr("gives [1, 7]")));
  EXPECT_THAT(compress("a/best.safetensors", "a/best.safetensors", {"--force"}).err,
              HasSubstr("is the checkpoint itself"));
}

}  // namespace
}  // namespace papilio::testing
