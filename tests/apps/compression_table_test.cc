#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "papilio/core/config.h"
#include "papilio/core/file.h"
#include "papilio/tests/apps/process.h"
#include "papilio/tests/models/toy.h"

namespace papilio::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class CompressionTable : public ::testing::Test {
 protected:
  CompressionTable() { write_mnist(folder_ / "mnist", 600, 100); }

  std::vector<std::string> command(const std::string& rows,
                                   std::vector<std::string> more = {}) const {
    std::vector<std::string> all = {"compression_table",
                                    "--data",
                                    "mnist:" + (folder_ / "mnist"),
                                    "--out",
                                    folder_ / "out",
                                    "--rows",
                                    rows,
                                    "--epochs",
                                    "1",
                                    "--search-epochs",
                                    "1",
                                    "--seeds",
                                    "2",
                                    "--threads",
                                    "1",
                                    "--json",
                                    "-"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  TemporaryFolder folder_;
};

TEST_F(CompressionTable, HasTheSizesOfThePaper) {
  const Outcome outcome = run(command(
      "dense,bpbp-complex,bpbp,ldr-td,toeplitz-like,fastfood,circulant,low-rank,dense-parameters",
      {"--lr", "0.02", "--seeds", "1", "--part", "0.2"}));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Config report = Config::parse(outcome.out);
  const std::vector<std::pair<int64_t, double>> expected = {
      {1048576, 1}, {16368, 39.4}, {8184, 56.9}, {8188, 56.9},  {8192, 56.9},
      {3072, 78.7}, {1024, 93.0},  {8192, 56.9}, {27648, 37.55}};
  const auto& rows = report.at("rows").as_array();
  ASSERT_EQ(rows.size(), expected.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    SCOPED_TRACE(rows[i].at("method").as_string());
    EXPECT_EQ(rows[i].at("parameters").as_int(), expected[i].first);
    EXPECT_NEAR(rows[i].at("compression").as_double(), expected[i].second, 0.05);
    EXPECT_GT(rows[i].at("accuracy").as_double(), 0);
    EXPECT_EQ(rows[i].at("spread").as_double(), 0);
    EXPECT_GT(rows[i].at("latency_us").as_double(), 0);
    EXPECT_GT(rows[i].at("images_per_second").as_double(), 0);
  }
  EXPECT_EQ(rows.back().at("width").as_int(), 27);
}

TEST_F(CompressionTable, ChoosesRatesAndGoesOnWhereItStopped) {
  const auto rows = command("dense,bpbp,dense-latency", {"--lr", "0.01,0.02", "--part", "0.3"});
  const Outcome first = run(rows);
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_THAT(first.err, AllOf(HasSubstr("BPBP, real"), HasSubstr("compression")));
  const Outcome again = run(rows);
  ASSERT_EQ(again.code, 0) << again.err;
  const Config a = Config::parse(first.out), b = Config::parse(again.out);
  for (size_t i = 0; i < 3; ++i) {
    const Config &x = a.at("rows").as_array()[i], &y = b.at("rows").as_array()[i];
    for (const char* key : {"accuracy", "spread", "learning_rate", "search", "width"})
      EXPECT_EQ(x.at(key), y.at(key)) << key;
    const Config::Array& search = x.at("search").as_array();
    EXPECT_GE(search.size(), 2u);
    double chosen = 0, best = 0;
    for (const Config& run : search) {
      const double accuracy = run.at("validation_accuracy").as_double();
      best = std::max(best, accuracy);
      if (run.at("learning_rate") == x.at("learning_rate")) chosen = accuracy;
    }
    EXPECT_EQ(chosen, best);
    EXPECT_EQ(x.at("seeds").as_int(), 2);
  }
  EXPECT_TRUE(a.at("rows").as_array()[1].contains("difference"));
}

TEST_F(CompressionTable, AWidthIsOfItsReferenceAndThreads) {
  const auto widths = [&](const std::string& reference, const std::string& threads) {
    const Outcome outcome =
        run(command("dense-latency", {"--lr", "0.02", "--seeds", "1", "--part", "0.2",
                                      "--reference", reference, "--threads", threads}));
    // Networks of another width are not taken for those that are there.
    EXPECT_THAT(outcome.code == 0 ? "take another --out" : outcome.err,
                HasSubstr("take another --out"));
    return Config::parse(read_file(folder_ / "out/dense-latency.width.json")).as_array();
  };
  const auto first = widths("bpbp", "1"), again = widths("bpbp", "1"),
             other = widths("low-rank", "1"), back = widths("bpbp", "1");
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].at("measured").at("reference").as_string(), "bpbp");
  EXPECT_EQ(first[0].at("measured").at("threads").as_int(), 1);
  EXPECT_EQ(again, first);
  ASSERT_EQ(other.size(), 2u);
  EXPECT_EQ(other[0], first[0]);
  EXPECT_EQ(back, other);
  const auto threads = widths("bpbp", "2");
  if (threads.size() != 2) {  // built without OpenMP: one thread is all there is
    EXPECT_EQ(threads.back().at("measured").at("threads").as_int(), 2);
  }
}

TEST_F(CompressionTable, AnUnknownRowListsTheRows) {
  const Outcome outcome = run(command("dense,nothing"));
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("'nothing'"), HasSubstr("toeplitz-like")));
}

}  // namespace
}  // namespace papilio::testing
