#include "papilio/models/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "papilio/tests/core/error_of.h"

namespace papilio::models {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(MetricsTable, CsvReadsBackAsTheSameBits) {
  const std::vector<EpochMetrics> history = {
      {.epoch = 1, .step = 20, .learning_rate = 0.1, .train_loss = 2.0 / 3, .train_accuracy = 0.1},
      {.epoch = 2, .step = 40, .validation_loss = 1e-300, .validation_accuracy = 1.0 / 7}};
  const MetricsTable table = parse_metrics(to_csv(history), "metrics.csv");
  ASSERT_EQ(table.names.size(), 7u);
  EXPECT_THAT(*table.find("epoch"), ElementsAre(1, 2));
  EXPECT_THAT(*table.find("step"), ElementsAre(20, 40));
  EXPECT_THAT(*table.find("learning_rate"), ElementsAre(0.1, 0));
  EXPECT_THAT(*table.find("train_loss"), ElementsAre(2.0 / 3, 0));
  EXPECT_THAT(*table.find("train_accuracy"), ElementsAre(0.1, 0));
  EXPECT_THAT(*table.find("validation_loss"), ElementsAre(0, 1e-300));
  EXPECT_THAT(*table.find("validation_accuracy"), ElementsAre(0, 1.0 / 7));
  EXPECT_EQ(table.find("loss"), nullptr);
}

TEST(MetricsTable, OtherColumnsGapsAndNoEpochsAreRead) {
  const MetricsTable table = parse_metrics("epoch,top5\n3,nan\n10,-inf\n", "a");
  EXPECT_THAT(*table.find("epoch"), ElementsAre(3, 10));
  EXPECT_TRUE(std::isnan(table.find("top5")->at(0)));
  EXPECT_EQ(table.find("top5")->at(1), -INFINITY);
  EXPECT_THAT(*parse_metrics("epoch,loss\n", "a").find("loss"), IsEmpty());
}

TEST(MetricsTable, MistakesNameFileAndLine) {
  const auto error = [](const char* csv) {
    return error_of([&] { parse_metrics(csv, "a/metrics.csv"); });
  };
  EXPECT_THAT(error(""), HasSubstr("a/metrics.csv:1: the file is empty"));
  EXPECT_THAT(error("epoch,loss"), HasSubstr(":1: the line does not end"));
  EXPECT_THAT(error("epoch,loss\n1,0.12"), HasSubstr(":2: the line does not end"));
  EXPECT_THAT(error("step,loss\n"), AllOf(HasSubstr(":1: "), HasSubstr("'step', 'epoch' is")));
  EXPECT_THAT(error("epoch,\n"), HasSubstr("a column is named ''"));
  EXPECT_THAT(error("epoch,val loss\n"), HasSubstr("'val loss'"));
  EXPECT_THAT(error("\x89PNG\r\n"), HasSubstr("'?PNG?'"));
  EXPECT_THAT(error("epoch,loss,loss\n"), HasSubstr("two columns are named 'loss'"));
  EXPECT_THAT(error("epoch,loss\n1\n"), HasSubstr(":2: 1 number for 2 columns"));
  EXPECT_THAT(error("epoch,loss\n1,2\n2,3,4\n"), HasSubstr(":3: 3 numbers for 2 columns"));
  EXPECT_THAT(error("epoch,loss\n\n"), HasSubstr(":2: 1 number for 2 columns"));
  EXPECT_THAT(error("epoch,loss\n1,\n"), HasSubstr(":2: loss: '' is not a number"));
  EXPECT_THAT(error("epoch,loss\n1,0.5x\n"), HasSubstr(":2: loss: '0.5x' is not a number"));
  EXPECT_THAT(error("epoch,loss\r\n1,2\n"), HasSubstr("'loss?'"));
  EXPECT_THAT(error("epoch,loss\n1, 2\n"), HasSubstr("' 2' is not a number"));
  EXPECT_THAT(error("epoch,loss\n0.5,2\n"), HasSubstr(":2: epoch is 0.5"));
  EXPECT_THAT(error("epoch,loss\n0,2\n"), HasSubstr("epoch is 0"));
  EXPECT_THAT(error("epoch,loss\nnan,2\n"), HasSubstr("epoch is nan"));
  EXPECT_THAT(error("epoch,loss\n2,2\n2,1\n"), HasSubstr(":3: epoch 2 follows epoch 2"));
}

}  // namespace
}  // namespace papilio::models
