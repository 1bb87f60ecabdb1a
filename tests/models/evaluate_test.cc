#include "papilio/models/evaluate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "papilio/models/compressed_mlp.h"
#include "papilio/models/metrics.h"
#include "papilio/models/summary.h"
#include "papilio/tests/core/error_of.h"
#include "papilio/tests/models/toy.h"

namespace papilio::models {
namespace {

using papilio::testing::toy;
using ::testing::HasSubstr;

// Logits that say class 0 for every image.
class AlwaysFirst : public Module {
 public:
  Tensor forward(const Tensor& x) override {
    std::vector<float> logits;
    for (int64_t i = 0; i < x.dim(0); ++i)
      for (int64_t c = 0; c < 4; ++c) logits.push_back(c == 0 ? 1.0f : 0.0f);
    return Tensor::from(logits, {x.dim(0), 4});
  }
};

TEST(Score, CountsByClassOverAllBatches) {
  AlwaysFirst model;
  int64_t rows = 0;
  const Score result =
      score(model, toy(601, 1), [&](const Tensor& logits) { rows += logits.dim(0); });
  EXPECT_EQ(result.images, 601);
  EXPECT_EQ(rows, 601);
  EXPECT_DOUBLE_EQ(result.accuracy, 151.0 / 601);
  EXPECT_EQ(result.class_accuracy, (std::vector<double>{1, 0, 0, 0}));
  const double normaliser = std::log(std::exp(1.0) + 3);
  EXPECT_NEAR(result.loss, normaliser - 151.0 / 601, 1e-6);
}

TEST(Score, AModelThatIsNoClassifierIsAnError) {
  class Flat : public Module {
    Tensor forward(const Tensor& x) override { return Tensor::zeros({x.dim(0) * 2, 4}); }
  } model;
  EXPECT_THAT(error_of([&] { score(model, toy(3, 1)); }), HasSubstr("one row of logits for each"));
}

TEST(Report, HasAllKeysWithAndWithoutData) {
  CompressedMlp model({.inputs = 64, .hidden = "bpbp", .width = 64, .classes = 4, .statistics = {}},
                      Rng(1));
  const Config with = evaluate(model, toy(50, 1)).to_config();
  const Config without = evaluate_speed(model, {8, 8, 1}).to_config();
  for (const char* key : {"model", "data", "images", "accuracy", "loss", "parameters",
                          "hidden_parameters", "latency_us", "images_per_second"}) {
    EXPECT_FALSE(with.at(key).is_null()) << key;
    EXPECT_TRUE(without.contains(key)) << key;
  }
  EXPECT_TRUE(without.at("accuracy").is_null());
  EXPECT_EQ(with.at("hidden_parameters").as_int(), 8 * 63);
  EXPECT_GT(without.at("latency_us").as_double(), 0);
  std::ostringstream text;
  text << evaluate(model, toy(50, 1));
  EXPECT_THAT(text.str(), HasSubstr("upper right"));
}

TEST(Speed, ModelsThatAreComparedTakeTurns) {
  class Logged : public Module {
   public:
    Logged(char name, std::string& calls) : name_(name), calls_(calls) {}
    Tensor forward(const Tensor& x) override {
      if (calls_.empty() || calls_.back() != name_) calls_ += name_;
      return x;
    }

   private:
    char name_;
    std::string& calls_;
  };
  std::string calls;
  Logged a('a', calls), b('b', calls);
  const std::vector<Speed> speeds = measure_speeds({&a, &b}, {8});
  ASSERT_EQ(speeds.size(), 2u);
  EXPECT_GT(speeds[0].latency_us, 0);
  EXPECT_GT(speeds[1].images_per_second, 0);
  EXPECT_THAT(calls, HasSubstr("abababababab"));
}

TEST(Summary, OneRowForEachLayerAndTheSumOfParameters) {
  CompressedMlp model(
      {.inputs = 64, .hidden = "butterfly", .width = 64, .classes = 4, .statistics = {}}, Rng(1));
  const auto rows = summarize(model, {8, 8, 1});
  int64_t parameters = 0;
  const LayerSummary* hidden = nullptr;
  for (const LayerSummary& row : rows) {
    parameters += row.parameters;
    if (row.path == "hidden") hidden = &row;
  }
  EXPECT_EQ(parameters, model.parameter_count());
  ASSERT_NE(hidden, nullptr);
  EXPECT_EQ(hidden->parameters, 2 * 64 * 6 + 64);
  EXPECT_EQ(hidden->dense_parameters, 64 * 64 + 64);
  EXPECT_EQ(hidden->output, Shape{64});
  EXPECT_LT(hidden->flops, hidden->dense_flops);
  EXPECT_EQ(hidden->bytes, 4 * (2 * 64 * 6 + 64));
  std::ostringstream text;
  print(text, rows);
  EXPECT_THAT(text.str(), HasSubstr("total"));
}

TEST(Metrics, CsvReadsBackAsTheSameBits) {
  const double third = 1.0 / 3;
  const std::string csv =
      to_csv({{.epoch = 1, .step = 13, .learning_rate = 0.1, .train_loss = third}});
  EXPECT_THAT(csv, HasSubstr("epoch,step,learning_rate,train_loss,train_accuracy,validation_loss,"
                             "validation_accuracy\n"));
  EXPECT_EQ(std::stod(csv.substr(csv.find("0.3"))), third);
}

}  // namespace
}  // namespace papilio::models
