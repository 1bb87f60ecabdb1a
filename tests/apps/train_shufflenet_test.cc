#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "papilio/core/config.h"
#include "papilio/core/safetensors.h"
#include "papilio/tests/apps/process.h"
#include "papilio/tests/data/picture_files.h"
#include "papilio/tests/models/toy.h"

namespace papilio::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// Two classes in ImageNet's layout that colour alone tells apart.
class TrainShuffleNet : public ::testing::Test {
 protected:
  TrainShuffleNet() {
    for (const auto& [split, count] : {std::pair{"train", 24}, {"val", 4}})
      for (const auto& [wnid, picture] : {std::pair{"n01", "rgb.jpg"}, {"n02", "grey.jpg"}}) {
        const std::string folder = folder_ / (std::string("set/") + split + "/" + wnid);
        std::filesystem::create_directories(folder);
        for (int i = 0; i < count; ++i)
          write_file(folder + "/" + std::to_string(i) + ".JPEG", picture_files::bytes(picture));
      }
    write_file(folder_ / "set/classes.tsv", "n01\tcolours\nn02\tgrey, and nothing else\n");
  }

  std::vector<std::string> command(const std::string& out,
                                   std::vector<std::string> more = {}) const {
    std::vector<std::string> all = {"train_shufflenet",
                                    "--data",
                                    "imagenet:" + (folder_ / "set"),
                                    "--out",
                                    folder_ / out,
                                    "--epochs",
                                    "3",
                                    "--batch",
                                    "8",
                                    "--width",
                                    "0.25",
                                    "--image-size",
                                    "32",
                                    "--threads",
                                    "1",
                                    "--validation",
                                    "0.2"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  TemporaryFolder folder_;
};

TEST_F(TrainShuffleNet, TrainsEvaluatesAndClassifies) {
  const Outcome outcome = run(command("k", {"--mixer", "kmatrix", "--json", "-"}));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("stem for 32 pixels: 3x3 convolution of stride 1"),
                                 HasSubstr("augmentation imagenet"), HasSubstr("epoch 3/3")));
  const Config report = Config::parse(outcome.out);
  EXPECT_DOUBLE_EQ(report.at("learning_rate").as_double(), 0.1 / 256 * 8);
  EXPECT_EQ(report.at("damaged_pictures").as_int(), 0);
  EXPECT_EQ(report.at("test_top5").as_double(), 1);  // there are two classes
  EXPECT_TRUE(std::filesystem::exists(folder_ / "k.pictures.train"));

  const std::string best = folder_ / "k/best.safetensors";
  const Outcome evaluated = run({"evaluate", best, "--data", "imagenet:" + (folder_ / "set"),
                                 "--json", "-", "--confusion", folder_ / "confusion.csv"});
  ASSERT_EQ(evaluated.code, 0) << evaluated.err;
  const Config scores = Config::parse(evaluated.out);
  EXPECT_EQ(scores.at("accuracy").as_double(), report.at("test_accuracy").as_double());
  int64_t counted = 0;
  for (const Config& row : scores.at("confusion").as_array())
    for (const Config& count : row.as_array()) counted += count.as_int();
  EXPECT_EQ(counted, 8);
  EXPECT_THAT(read_file(folder_ / "confusion.csv"),
              HasSubstr("\"class\",\"colours\",\"grey, and nothing else\"\n\"colours\","));

  const Outcome classified =
      run({"classify", best, picture_files::path("rgb.jpg"), folder_ / "none.jpg", "--json", "-"});
  EXPECT_EQ(classified.code, 1);  // one of them is not there
  EXPECT_THAT(classified.err, HasSubstr("none.jpg"));
  const Config pictures = Config::parse(classified.out).at("pictures");
  const auto& guesses = pictures.as_array()[0].at("guesses").as_array();
  ASSERT_EQ(guesses.size(), 2u);
  EXPECT_NEAR(guesses[0].at("probability").as_double() + guesses[1].at("probability").as_double(),
              1, 1e-5);
  EXPECT_TRUE(pictures.as_array()[1].contains("error"));
}

TEST_F(TrainShuffleNet, ResumesToTheSameBytes) {
  ASSERT_EQ(run(command("a", {"--workers", "0"})).code, 0);
  ASSERT_EQ(run(command("b", {"--workers", "2"})).code, 0);
  EXPECT_EQ(read_file(folder_ / "a/last.safetensors"), read_file(folder_ / "b/last.safetensors"));
}

TEST_F(TrainShuffleNet, MistakesAreExplained) {
  const auto error = [&](const std::vector<std::string>& more, int code = 1) {
    const Outcome outcome = run(command("x", more));
    EXPECT_EQ(outcome.code, code);
    return outcome.err;
  };
  EXPECT_THAT(error({"--groups", "5"}), HasSubstr("1, 2, 3, 4 and 8"));
  EXPECT_THAT(error({"--mixer", "mix"}, 2), HasSubstr("hadamard"));
  EXPECT_THAT(error({"--image-size", "8"}), HasSubstr("at least 16"));
  EXPECT_THAT(error({"--data", "imagenet:" + (folder_ / "nowhere")}), HasSubstr("nowhere"));
  std::filesystem::create_directories(folder_ / "set/train/n03");
  EXPECT_THAT(error({}), HasSubstr("n03"));  // an empty class
}

TEST_F(TrainShuffleNet, DamagedPicturesAreNamedAndCounted) {
  write_file(folder_ / "set/train/n01/5.JPEG", "not a picture");
  const Outcome outcome = run(command("d", {"--json", "-", "--epochs", "1"}));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("n01/5.JPEG"));
  EXPECT_EQ(Config::parse(outcome.out).at("damaged_pictures").as_int(), 1);
  const Outcome strict = run(command("s", {"--strict-data", "--epochs", "1"}));
  EXPECT_EQ(strict.code, 1);
  EXPECT_THAT(strict.err, HasSubstr("n01/5.JPEG"));
}

// The table of the mixers: searches, seeds, paired differences; nothing is run twice.
TEST_F(TrainShuffleNet, TableChoosesRatesRunsSeedsAndKeepsWhatIsFinished) {
  std::vector<std::string> table = {"mixer_table",
                                    "--data",
                                    "imagenet:" + (folder_ / "set"),
                                    "--out",
                                    folder_ / "table",
                                    "--image-size",
                                    "32",
                                    "--batch",
                                    "4",
                                    "--mixers",
                                    "shuffle:2,kmatrix:2,none",
                                    "--epochs",
                                    "2",
                                    "--search-epochs",
                                    "2",
                                    "--lr",
                                    "0.01,0.02",
                                    "--validation",
                                    "0.2",
                                    "--json",
                                    "-"};
  const Outcome outcome = run(table);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("6 of 6 runs"), HasSubstr("5 of 5 runs"),
                                 HasSubstr("minus shuffle")));
  const auto rows = Config::parse(outcome.out).at("rows").as_array();
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].at("seeds").as_int(), 2);
  EXPECT_FALSE(rows[0].contains("difference"));
  EXPECT_NEAR(rows[1].at("difference").as_double(),
              rows[1].at("accuracy").as_double() - rows[0].at("accuracy").as_double(), 1e-12);
  EXPECT_TRUE(rows[1].contains("standard_error"));
  for (const Config& row : rows) {  // the rate of the smaller loss
    const Config::Array& search = row.at("search").as_array();
    ASSERT_EQ(search.size(), 2u);
    const bool second =
        search[1].at("validation_loss").as_double() < search[0].at("validation_loss").as_double();
    EXPECT_EQ(row.at("learning_rate"), search[second ? 1 : 0].at("learning_rate"));
  }
  const Config run0 = Config::parse(read_file(folder_ / "table/shuffle-seed0.json"));
  EXPECT_EQ(run0.at("report").at("learning_rate").as_double(),
            rows[0].at("learning_rate").as_double());

  std::filesystem::remove(folder_ / "table/kmatrix-seed1.json");
  const Outcome again = run(table);
  const Config row = Config::parse(again.out).at("rows").as_array()[1];
  EXPECT_EQ(row.at("accuracy").as_double(), rows[1].at("accuracy").as_double());
  EXPECT_EQ(row.at("spread").as_double(), rows[1].at("spread").as_double());
  EXPECT_THAT(again.err, AllOf(HasSubstr("1 of 1 runs"), ::testing::Not(HasSubstr(" of 5 runs"))));
  table[8] = "8";  // another batch
  const Outcome other = run(table);
  EXPECT_EQ(other.code, 1);
  EXPECT_THAT(other.err, HasSubstr("other arguments"));
}

TEST(DescribeModel, CountsParametersWithoutTraining) {
  const Outcome outcome = run({"describe", "--model", "shufflenet", "--width", "0.25", "--groups",
                               "8", "--mixer", "kmatrix", "--classes", "1000", "--json", "-"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(Config::parse(outcome.out).at("parameters").as_int(), 460'552 + 46'368);
  EXPECT_THAT(run({"describe", "--model", "resnet", "--groups", "8"}).err,
              HasSubstr("--groups: resnet has no such option"));
  EXPECT_EQ(run({"describe"}).code, 1);
}

}  // namespace
}  // namespace papilio::testing
