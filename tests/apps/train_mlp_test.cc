#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "papilio/core/config.h"
#include "papilio/core/error.h"
#include "papilio/tests/apps/process.h"
#include "papilio/tests/models/toy.h"

namespace papilio::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class TrainMlp : public ::testing::Test {
 protected:
  TrainMlp() { write_mnist(folder_ / "mnist", 1200, 200); }

  std::vector<std::string> command(const std::string& out,
                                   std::vector<std::string> more = {}) const {
    std::vector<std::string> all = {"train_mlp", "--data",      "mnist:" + (folder_ / "mnist"),
                                    "--out",     folder_ / out, "--epochs",
                                    "2",         "--threads",   "1",
                                    "--hidden",  "bpbp"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  TemporaryFolder folder_;
};

TEST_F(TrainMlp, ReportsAndLeavesARun) {
  const Outcome outcome = run(command("a", {"--json", folder_ / "report.json"}));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.err,
              AllOf(HasSubstr("SIMD"), HasSubstr("BLAS oneDNN"), HasSubstr("1 thread"),
                    HasSubstr("1020 training"), HasSubstr("epoch 2/2"), HasSubstr("images/s")));
  for (const char* file :
       {"config.json", "metrics.csv", "log.txt", "last.safetensors", "best.safetensors"})
    EXPECT_TRUE(std::filesystem::exists(folder_ / ("a/" + std::string(file)))) << file;
  const Config report = Config::parse(read_file(folder_ / "report.json"));
  EXPECT_GT(report.at("best_validation_accuracy").as_double(), 0.4);
  EXPECT_GT(report.at("test_accuracy").as_double(), 0.4);
  EXPECT_LE(report.at("test_accuracy").as_double(), 1);
  EXPECT_EQ(report.at("hidden_parameters").as_int(), 8184);
  EXPECT_EQ(report.at("parameters").as_int(), 8184 + 1024 + 1024 * 10 + 10);
  EXPECT_EQ(report.at("epochs").as_int(), 2);
  EXPECT_GT(report.at("images_per_second").as_double(), 0);
  EXPECT_GT(report.at("seconds").as_double(), 0);
}

TEST_F(TrainMlp, JsonOnStandardOutputIsOnlyJson) {
  const Outcome outcome = run(command("a", {"--json", "-"}));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NO_THROW(Config::parse(outcome.out)) << outcome.out;
}

TEST_F(TrainMlp, EvaluateAgreesWithTraining) {
  const Outcome trained = run(command("a", {"--json", "-"}));
  ASSERT_EQ(trained.code, 0) << trained.err;
  const Outcome evaluated =
      run({"evaluate", folder_ / "a/best.safetensors", "--data", "mnist:" + (folder_ / "mnist"),
           "--threads", "1", "--json", "-", "--logits", folder_ / "logits.npy"});
  ASSERT_EQ(evaluated.code, 0) << evaluated.err;
  const Config report = Config::parse(evaluated.out);
  EXPECT_EQ(report.at("accuracy").as_double(),
            Config::parse(trained.out).at("test_accuracy").as_double());
  EXPECT_EQ(report.at("images").as_int(), 200);
  const std::string logits = read_file(folder_ / "logits.npy");
  EXPECT_THAT(logits.substr(0, 128), HasSubstr("'shape': (200,10,)"));
  EXPECT_EQ(logits.size() % 64, size_t{200 * 10 * 4 % 64});
  const Outcome without = run({"evaluate", folder_ / "a/best.safetensors", "--json", "-"});
  ASSERT_EQ(without.code, 0) << without.err;
  EXPECT_TRUE(Config::parse(without.out).at("accuracy").is_null());
  EXPECT_GT(Config::parse(without.out).at("latency_us").as_double(), 0);
  const Outcome described = run({"describe", folder_ / "a/best.safetensors"});
  ASSERT_EQ(described.code, 0) << described.err;
  EXPECT_THAT(described.out, AllOf(HasSubstr("hidden"), HasSubstr("dense parameters"),
                                   HasSubstr("9,208"), HasSubstr("1,049,600")));
}

// The promise that matters most: SIGKILL at random moments, and the same bytes in the end.
TEST_F(TrainMlp, KilledAndResumedEndsWithTheSameBytes) {
  const std::vector<std::string> more = {"--epochs", "4", "--save-seconds", "0.02", "--resume"};
  const std::vector<std::string> parts = command("parts", more);
  ASSERT_EQ(run(command("whole", more)).code, 0);
  const char* asked = std::getenv("PAPILIO_KILLS");
  const int kills = asked ? std::atoi(asked) : 4;
  const Rng rng = Rng(static_cast<uint64_t>(getpid()));
  int killed = 0;
  for (int i = 0; i < kills * 50 && killed < kills; ++i) {
    const pid_t process = start(parts, folder_ / "out", folder_ / "err");
    usleep(static_cast<useconds_t>(20000 + 300000 * rng.uniform(static_cast<uint64_t>(i))));
    kill(process, SIGKILL);
    const int code = wait_for(process);
    killed += code == -SIGKILL;
    if (code == 0)
      std::filesystem::remove_all(folder_ / "parts");  // it was done before: once more
    else
      ASSERT_EQ(code, -SIGKILL) << read_file(folder_ / "err");
  }
  ASSERT_EQ(killed, kills);
  const Outcome last = run(parts);
  ASSERT_EQ(last.code, 0) << last.err;
  EXPECT_EQ(run_bytes(folder_ / "whole"), run_bytes(folder_ / "parts"));
}

TEST_F(TrainMlp, ControlCSavesAndExitsWith130) {
  const pid_t process =
      start(command("a", {"--epochs", "100000"}), folder_ / "out", folder_ / "err");
  while (!std::filesystem::exists(folder_ / "a/last.safetensors")) usleep(10000);
  kill(process, SIGINT);
  EXPECT_EQ(wait_for(process), 130);
  EXPECT_THAT(read_file(folder_ / "err"), HasSubstr("--resume continues"));
}

TEST_F(TrainMlp, ChoosesTheLearningRateOnTheValidationPart) {
  const Outcome outcome = run(command("a", {"--lr", "1e-9,0.05", "--json", "-"}));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(Config::parse(outcome.out).at("learning_rate").as_double(), 0.05);
  EXPECT_EQ(read_file(folder_ / "a/last.safetensors"),
            read_file(folder_ / "a/lr-0.05/last.safetensors"));
  const std::string before = run_bytes(folder_ / "a");
  EXPECT_EQ(run(command("a", {"--lr", "1e-9,0.05", "--resume"})).code, 0);
  EXPECT_EQ(run_bytes(folder_ / "a"), before);
}

TEST_F(TrainMlp, InitStartsFromAnotherRunsWeights) {
  ASSERT_EQ(run(command("a")).code, 0);
  const Outcome outcome =
      run(command("b", {"--init", folder_ / "a/best.safetensors", "--lr", "1e-9", "--json", "-"}));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_GT(Config::parse(outcome.out).at("test_accuracy").as_double(), 0.4);
}

TEST_F(TrainMlp, MistakesAreExplained) {
  const auto error = [&](std::vector<std::string> more, int code = 1) {
    const Outcome outcome = run(command("x", std::move(more)));
    EXPECT_EQ(outcome.code, code) << outcome.err;
    return outcome.err;
  };
  EXPECT_THAT(error({"--hiden", "dense"}, 2),
              AllOf(HasSubstr("--hiden"), HasSubstr("--hidden"), HasSubstr("--help")));
  EXPECT_THAT(error({"--hidden", "butterfli"}),
              AllOf(HasSubstr("butterfli"), HasSubstr("kmatrix-orthogonal")));
  EXPECT_THAT(error({"--batch", "0"}), HasSubstr("batch is 0"));
  EXPECT_THAT(error({"--batch", "many"}, 2), HasSubstr("many"));
  EXPECT_THAT(error({"--width", "-1"}), HasSubstr("width -1"));
  EXPECT_THAT(error({"--lr", "-1"}), HasSubstr("--lr is -1"));
  EXPECT_THAT(error({"--validation", "1.5"}), HasSubstr("1.5"));
  EXPECT_THAT(error({"--resume", "--force"}), HasSubstr("one of them"));
  EXPECT_THAT(error({"--init", folder_ / "none.safetensors"}), HasSubstr("none.safetensors"));
  EXPECT_THAT(error({"--data", "mnist:" + (folder_ / "nowhere")}), HasSubstr("nowhere"));
  EXPECT_THAT(error({"--data", "cifar11:x"}), AllOf(HasSubstr("cifar11"), HasSubstr("cifar10")));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "x/last.safetensors"));
}

TEST_F(TrainMlp, RefusesToOverwriteARun) {
  ASSERT_EQ(run(command("a")).code, 0);
  const std::string before = run_bytes(folder_ / "a");
  const Outcome again = run(command("a"));
  EXPECT_EQ(again.code, 1);
  EXPECT_THAT(again.err,
              AllOf(HasSubstr("already holds a run"), HasSubstr("--resume"), HasSubstr("--force")));
  EXPECT_EQ(run(command("a", {"--resume"})).code, 0);
  EXPECT_EQ(run_bytes(folder_ / "a"), before);
}

TEST(Evaluate, MistakesAreExplained) {
  const TemporaryFolder folder;
  EXPECT_EQ(run({"evaluate"}).code, 2);
  const Outcome missing = run({"evaluate", folder / "none.safetensors"});
  EXPECT_EQ(missing.code, 1);
  EXPECT_THAT(missing.err, HasSubstr("none.safetensors"));
  write_file(folder / "junk.safetensors", std::string(100, 'x'));
  const Outcome junk = run({"evaluate", folder / "junk.safetensors"});
  EXPECT_EQ(junk.code, 1);
  EXPECT_THAT(junk.err, HasSubstr("junk.safetensors"));
}

// docs/help holds what every app prints for --help: the text is reviewed like code, and always
// current.
TEST(Help, IsWhatTheDocsSay) {
  for (const char* app : {"train_mlp", "evaluate", "describe", "bench", "export", "plot",
                          "train_shufflenet", "train_resnet", "train_convnet", "train_deep_mlp",
                          "compress", "classify", "learn_transform"}) {
    const Outcome outcome = run({app, "--help"});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(outcome.out, read_file(concat(PAPILIO_SOURCE_DIR, "/docs/help/", app, ".txt")))
        << "if the change is meant: build/release/bin/" << app << " --help > docs/help/" << app
        << ".txt";
  }
}

TEST_F(TrainMlp, OurRecipeIsAPresetThatTheCommandLineOverrules) {
  std::string said;
  const auto config = [&](const std::string& out, const std::vector<std::string>& more) {
    std::vector<std::string> all = {"--epochs", "1", "--part", "0.2"};
    all.insert(all.end(), more.begin(), more.end());
    const Outcome outcome = run(command(out, all));
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    said = outcome.err;
    return Config::parse(read_file(folder_ / (out + "/config.json")));
  };
  const Config paper = config("a", {}), ours = config("b", {"--recipe", "ours"}),
               mixed = config("c", {"--label-smoothing", "0.2", "--recipe", "ours"});
  EXPECT_EQ(paper.at("schedule").as_string(), "constant");
  EXPECT_FALSE(paper.contains("flip"));
  EXPECT_EQ(ours.at("schedule").as_string(), "cosine");
  EXPECT_EQ(ours.at("label_smoothing").as_double(), 0.1);
  EXPECT_EQ(ours.at("warm_up").as_double(), 1);
  EXPECT_FALSE(ours.contains("flip"));  // a mirrored digit is none
  EXPECT_THAT(said, HasSubstr("augmentation: none"));
  EXPECT_TRUE(config("d", {"--recipe", "ours", "--flip", "--shift", "1"}).at("flip").as_bool());
  EXPECT_THAT(said, HasSubstr("augmentation: moved by up to 1 pixels, mirrored at random"));
  const std::string fashion = "fashion-mnist:" + (folder_ / "mnist");
  EXPECT_TRUE(config("e", {"--recipe", "ours", "--data", fashion}).at("flip").as_bool());
  EXPECT_THAT(said, HasSubstr("augmentation: mirrored at random"));
  EXPECT_EQ(mixed.at("label_smoothing").as_double(), 0.2);
}

TEST_F(TrainMlp, LrDecayLowersTheRateAfterEveryEpoch) {
  const std::vector<std::string> more = {"--epochs", "3",    "--part",     "0.2",
                                         "--lr",     "0.08", "--lr-decay", "0.5"};
  const Outcome outcome = run(command("decay", more));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const std::string metrics = read_file(folder_ / "decay/metrics.csv");
  EXPECT_THAT(metrics, HasSubstr(",0.08,"));
  EXPECT_THAT(metrics, HasSubstr(",0.04,"));
  EXPECT_THAT(metrics, HasSubstr(",0.02,"));
  auto cosine = more;
  cosine.insert(cosine.end(), {"--schedule", "cosine"});
  const Outcome refused = run(command("cosine", cosine));
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.err, HasSubstr("--lr-decay 0.5 is for the constant schedule"));
  for (const char* factor : {"0", "-1", "1.5", "nan"}) {
    const Outcome outside = run(command("outside", {"--epochs", "1", "--lr-decay", factor}));
    EXPECT_NE(outside.code, 0) << factor;
    EXPECT_THAT(outside.err, HasSubstr("above 0 and up to 1 is needed")) << factor;
  }
}

TEST_F(TrainMlp, NumbersThatCanNotBeAreUsageErrorsInALine) {
  for (const char* text : {"-1", "nan", "inf", "few"}) {
    const Outcome outcome = run(command("numbers", {"--structured-lr", text}));
    EXPECT_EQ(outcome.code, 2) << text;
    EXPECT_THAT(outcome.err, HasSubstr(std::string("--structured-lr: ") + text +
                                       ", a number of at least 0 is needed\n"));
  }
}

TEST_F(TrainMlp, FoldersMayHaveAnyName) {
  for (const char* name : {"a+b c", "100 %s %d{}", "\xc3\xbc\xe6\x97\xa5", "mnist+cifar10,x"}) {
    SCOPED_TRACE(name);
    const std::string base = folder_ / name, data = "mnist:" + base,
                      best = base + "/best.safetensors";
    std::filesystem::copy(folder_ / "mnist", base);
    const auto expect_success = [](const std::vector<std::string>& command) {
      const Outcome outcome = run(command);
      EXPECT_EQ(outcome.code, 0) << outcome.err;
      return outcome;
    };
    expect_success({"train_mlp", "--data", "bg-rot:" + data, "--out", base, "--epochs", "1",
                    "--hidden", "butterfly", "--threads", "1"});
    EXPECT_THAT(expect_success({"evaluate", best, "--data", data}).out, HasSubstr("accuracy"));
    for (const char* form : {"c", "onnx", "frozen"})
      expect_success({"export", best, "--to", form, "--out", base + "/a file." + form});
    expect_success({"describe", base + "/a file.frozen"});
    expect_success({"plot", base, "--out", base + "/plot.png"});
  }
}

TEST_F(TrainMlp, LearnsFromATeacherOfTheSameImages) {
  ASSERT_EQ(run(command("a", {"--epochs", "1"})).code, 0);
  const std::string teacher = folder_ / "a/best.safetensors";
  const Outcome outcome =
      run(command("b", {"--epochs", "1", "--teacher", teacher, "--mixup", "0.2", "--average", "0.9",
                        "--orthogonal", "--limit-factors"}));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Config config = Config::parse(read_file(folder_ / "b/config.json"));
  EXPECT_EQ(config.at("teacher").at("file").as_string(), teacher);
  EXPECT_EQ(run(command("c", {"--teacher", folder_ / "none"})).code, 1);
}

TEST_F(TrainMlp, ARunThatDivergesHasAnExitCodeOfItsOwn) {
  const Outcome outcome = run(command("a", {"--lr", "1e9"}));
  EXPECT_EQ(outcome.code, 3) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("lower the learning rate"));
}

}  // namespace
}  // namespace papilio::testing
