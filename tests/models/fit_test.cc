#include "papilio/models/fit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cmath>
#include <map>
#include <memory>

#include "papilio/core/safetensors.h"
#include "papilio/models/checkpoint.h"
#include "papilio/models/compressed_mlp.h"
#include "papilio/models/evaluate.h"
#include "papilio/tests/core/error_of.h"
#include "papilio/tests/models/toy.h"

namespace papilio::models {
namespace {

using papilio::testing::run_bytes;
using papilio::testing::TemporaryFolder;
using papilio::testing::toy;
using ::testing::AllOf;
using ::testing::HasSubstr;

CompressedMlp small_model(const std::string& hidden = "kmatrix") {
  return CompressedMlp({.inputs = 64,
                        .hidden = hidden,
                        .width = 64,
                        .classes = 4,
                        .statistics = data::statistics(toy(400, 1))},
                       Rng(3));
}

FitOptions options(const std::string& out = {}) {
  return {.epochs = 3, .batch = 32, .lr = 0.05, .seed = 7, .out = out};
}

FitReport fit_toy(const FitOptions& o, const std::string& hidden = "kmatrix") {
  CompressedMlp model = small_model(hidden);
  return fit(model, toy(400, 1), toy(100, 2), o);
}

// Sends Ctrl-C while the n-th training image of this process is prepared.
data::Transform interrupt_at(int64_t n) {
  return [n, seen = int64_t{0}](data::Example example, Rng) mutable {
    if (++seen == n) raise(SIGINT);
    return example;
  };
}

TEST(Fit, Learns) {
  const FitReport report = fit_toy(options());
  ASSERT_EQ(report.history.size(), 3u);
  EXPECT_GT(report.best_validation_accuracy, 0.6);  // chance is 0.25
  EXPECT_LT(report.history.back().train_loss, report.history.front().train_loss);
  EXPECT_EQ(report.history.back().step, 3 * 13);
  EXPECT_FALSE(report.interrupted);
  EXPECT_GT(report.images_per_second, 0);
}

TEST(Fit, BestCheckpointScoresAsItDidInTraining) {
  const TemporaryFolder folder;
  const FitReport report = fit_toy(options(folder / "a"));
  const auto best = load(folder / "a/best.safetensors");
  EXPECT_EQ(score(*best, toy(100, 2)).accuracy, report.best_validation_accuracy);
  EXPECT_EQ(score(*best, toy(100, 2)).loss,
            report.history[static_cast<size_t>(report.best_epoch - 1)].validation_loss);
}

TEST(Fit, SameSeedSameBytesForAnyNumberOfWorkers) {
  const TemporaryFolder folder;
  FitOptions o = options(folder / "0");
  fit_toy(o);
  for (const int workers : {1, 4}) {
    o.out = folder / std::to_string(workers);
    o.workers = workers;
    fit_toy(o);
    EXPECT_EQ(run_bytes(folder / "0"), run_bytes(o.out)) << workers << " workers";
  }
}

TEST(Fit, AnotherSeedGivesAnotherRun) {
  const TemporaryFolder folder;
  FitOptions o = options(folder / "a");
  fit_toy(o);
  o.out = folder / "b";
  o.seed = 8;
  fit_toy(o);
  EXPECT_NE(read_file(folder / "a/last.safetensors"), read_file(folder / "b/last.safetensors"));
}

TEST(Fit, InterruptedAndResumedEndsWithTheSameBytes) {
  for (const char* optimizer : {"sgd", "adam"}) {
    const TemporaryFolder folder;
    FitOptions o = options(folder / "whole");
    o.optimizer = optimizer;
    if (o.optimizer == "adam") o.optimizer_options = Config::object();
    fit_toy(o, "bpbp-complex");
    o.out = folder / "parts";
    o.resume = true;
    int stops = 0;
    for (const int64_t images : {1, 100, 250, 350, 399}) {
      o.transforms = {interrupt_at(images)};
      stops += fit_toy(o, "bpbp-complex").interrupted;
    }
    EXPECT_GE(stops, 4);
    o.transforms = {};
    EXPECT_FALSE(fit_toy(o, "bpbp-complex").interrupted);
    EXPECT_EQ(run_bytes(folder / "whole"), run_bytes(folder / "parts")) << optimizer;
  }
}

FitOptions with_all_aids(FitOptions o) {
  o.mixup = 0.4;
  o.average = 0.9;
  o.limit_factors = true;
  o.teacher = std::make_shared<CompressedMlp>(small_model("dense"));
  o.schedule = {{"name", "cosine"}, {"warm_up", 1}};
  o.label_smoothing = 0.1;
  return o;
}

TEST(Fit, WithEveryTrainingAidResumesToTheSameBytes) {
  const TemporaryFolder folder;
  fit_toy(with_all_aids(options(folder / "whole")), "bpbp");
  FitOptions o = with_all_aids(options(folder / "parts"));
  o.resume = true;
  int stops = 0;
  for (const int64_t images : {100, 350, 399}) {
    o.transforms = {interrupt_at(images)};
    stops += fit_toy(o, "bpbp").interrupted;
  }
  EXPECT_GE(stops, 2);
  o.transforms = {};
  EXPECT_FALSE(fit_toy(o, "bpbp").interrupted);
  EXPECT_EQ(run_bytes(folder / "whole"), run_bytes(folder / "parts"));
}

TEST(Fit, EveryTrainingAidChangesTheRun) {
  const auto loss = [](const FitOptions& o) { return fit_toy(o).history.back().validation_loss; };
  FitOptions plain = options();
  plain.epochs = 1;
  const double without = loss(plain);
  for (int aid = 0; aid < 3; ++aid) {
    FitOptions o = plain;
    if (aid == 0) o.mixup = 0.4;
    if (aid == 1) o.average = 0.9;
    if (aid == 2) o.teacher = std::make_shared<CompressedMlp>(small_model("dense"));
    EXPECT_NE(loss(o), without) << aid;
  }
}

TEST(Fit, TheBestCheckpointHoldsTheAverageAndTheLastOneTheWeights) {
  const TemporaryFolder folder;
  FitOptions o = options(folder / "a");
  o.epochs = 1;
  o.average = 0.99;
  const FitReport report = fit_toy(o);
  EXPECT_EQ(score(*load(folder / "a/best.safetensors"), toy(100, 2)).loss,
            report.history.back().validation_loss);
  const Checkpoint best = read_checkpoint(folder / "a/best.safetensors"),
                   last = read_checkpoint(folder / "a/last.safetensors");
  std::map<std::string, Tensor> averages(last.state.begin(), last.state.end());
  for (const auto& [name, value] : best.tensors) {
    if (!averages.contains("average." + name)) continue;  // a buffer
    EXPECT_EQ(value.to_vector<float>(), averages["average." + name].to_vector<float>()) << name;
  }
  EXPECT_TRUE(averages.contains("average.hidden.twiddle"));
}

TEST(Fit, FinishedRunIsLeftAlone) {
  const TemporaryFolder folder;
  FitOptions o = options(folder / "a");
  const FitReport first = fit_toy(o);
  const auto times = [&] {
    std::vector<std::filesystem::file_time_type> all;
    for (const auto& entry : std::filesystem::directory_iterator(folder / "a"))
      all.push_back(entry.last_write_time());
    return all;
  };
  const auto before = times();
  o.resume = true;
  const FitReport second = fit_toy(o);
  EXPECT_TRUE(second.was_finished);
  EXPECT_EQ(second.best_validation_accuracy, first.best_validation_accuracy);
  EXPECT_EQ(times(), before);
}

TEST(Fit, RefusesToOverwriteARun) {
  const TemporaryFolder folder;
  FitOptions o = options(folder / "a");
  fit_toy(o);
  const std::string before = run_bytes(folder / "a");
  EXPECT_THAT(error_of([&] { fit_toy(o); }),
              AllOf(HasSubstr("already holds a run"), HasSubstr("--force")));
  EXPECT_EQ(run_bytes(folder / "a"), before);
  o.force = true;
  fit_toy(o);
  EXPECT_EQ(run_bytes(folder / "a"), before);
}

TEST(Fit, ResumeWithOtherSettingsNamesThem) {
  const TemporaryFolder folder;
  FitOptions o = options(folder / "a");
  fit_toy(o);
  o.resume = true;
  o.lr = 0.5;
  o.batch = 64;
  EXPECT_THAT(error_of([&] { fit_toy(o); }),
              AllOf(HasSubstr("lr was 0.05, is now 0.5"), HasSubstr("batch was 32, is now 64")));
}

TEST(Fit, NonFiniteLossStopsAndKeepsTheLastGoodCheckpoint) {
  const TemporaryFolder folder;
  FitOptions o = options(folder / "a");
  o.lr = 1e30;
  o.save_seconds = 1e-9;
  EXPECT_THAT(error_of([&] { fit_toy(o, "dense"); }), HasSubstr("lower the learning rate"));
  ASSERT_TRUE(std::filesystem::exists(folder / "a/last.safetensors"));
  for (const auto& [name, tensor] : read_checkpoint(folder / "a/last.safetensors").tensors)
    for (const float x : tensor.span<float>()) EXPECT_TRUE(std::isfinite(x)) << name;
}

TEST(Fit, BadOptionsAreErrors) {
  const auto message = [](auto change) {
    FitOptions o = options();
    change(o);
    return error_of([&] { fit_toy(o); });
  };
  EXPECT_THAT(message([](FitOptions& o) { o.epochs = 0; }), HasSubstr("epochs is 0"));
  EXPECT_THAT(message([](FitOptions& o) { o.batch = -1; }), HasSubstr("batch is -1"));
  EXPECT_THAT(message([](FitOptions& o) { o.lr = 0; }), HasSubstr("lr is 0"));
  EXPECT_THAT(message([](FitOptions& o) { o.lr = NAN; }), HasSubstr("lr is nan"));
  EXPECT_THAT(message([](FitOptions& o) { o.optimizer = "sdg"; }), HasSubstr("adamw"));
  EXPECT_THAT(message([](FitOptions& o) {
                o.schedule = {{"name", "cosin"}};
              }),
              HasSubstr("cosine"));
}

TEST(RunFolder, OneProcessAtATime) {
  const TemporaryFolder folder;
  const models::Run run(folder / "a", Config::object(), Existing::refuse);
  EXPECT_THAT(error_of([&] { models::Run(folder / "a", Config::object(), Existing::resume); }),
              HasSubstr("in use by another process"));
}

TEST(RunFolder, RemovesWhatAKilledProcessLeftHalfWritten) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "a");
  write_file(folder / "a/last.safetensors.123.0.tmp", "half");
  write_file(folder / "a/notes.tmp", "mine");
  const models::Run run(folder / "a", Config::object(), Existing::refuse);
  EXPECT_FALSE(std::filesystem::exists(folder / "a/last.safetensors.123.0.tmp"));
  EXPECT_TRUE(std::filesystem::exists(folder / "a/notes.tmp"));
}

TEST(RunFolder, CorruptFilesAreNamed) {
  const TemporaryFolder folder;
  FitOptions o = options(folder / "a");
  fit_toy(o);
  o.resume = true;
  write_file(folder / "a/last.safetensors", "junk");
  EXPECT_THAT(error_of([&] { fit_toy(o); }), HasSubstr("last.safetensors"));
  write_file(folder / "a/config.json", "{");
  EXPECT_THAT(error_of([&] { fit_toy(o); }), HasSubstr("config.json"));
}

TEST(RunFolder, FolderThatCantBeMade) {
  const TemporaryFolder folder;
  write_file(folder / "file", "x");
  EXPECT_THAT(
      error_of([&] { models::Run(folder / "file/run", Config::object(), Existing::refuse); }),
      HasSubstr("choose another --out"));
}

}  // namespace
}  // namespace papilio::models
