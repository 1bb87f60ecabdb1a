#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <initializer_list>
#include <set>
#include <string>
#include <vector>

#include "papilio/core/config.h"
#include "papilio/core/file.h"
#include "papilio/tests/apps/process.h"
#include "papilio/tests/models/toy.h"

namespace papilio::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

using Words = std::vector<std::string>;

const Words kSmall = {"--n", "64", "--batch", "4", "--op", "forward"};

Words operator+(Words all, const Words& more) {
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

Outcome bench(const Words& options) { return run(Words{"bench", "--seconds", "0.05"} + options); }

Config report(const Words& more) {
  const Outcome outcome = bench(more);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  return Config::parse(outcome.out);
}

void expect_positive(const Config& row, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    EXPECT_GT(row.at(key).as_double(), 0) << key;
    EXPECT_LT(row.at(key).as_double(), 1e9) << key;
  }
}

TEST(Bench, ReportsMachineAndRows) {
  const Config all = report(kSmall + Words{"--json", "-"});
  const Config& machine = all.at("machine");
  for (const char* key : {"cpu", "simd", "papilio", "blas"})
    EXPECT_FALSE(machine.at(key).as_string().empty()) << key;
  expect_positive(machine, {"fma_gflops", "fma_gflops_f64"});
  EXPECT_EQ(machine.at("threads").as_int(), 1);

  ASSERT_EQ(all.at("rows").as_array().size(), 1u);
  const Config& row = all.at("rows").as_array()[0];
  EXPECT_EQ(row.at("op").as_string(), "forward");
  EXPECT_EQ(row.at("layout").as_string(), "rows");
  EXPECT_EQ(row.at("dtype").as_string(), "f32");
  EXPECT_EQ(row.at("n").as_int(), 64);
  EXPECT_EQ(row.at("batch").as_int(), 4);
  EXPECT_EQ(row.at("threads").as_int(), 1);
  EXPECT_FALSE(row.at("dense_how").as_string().empty());
  EXPECT_TRUE(row.at("dense_ok").as_bool());
  expect_positive(row, {"us_per_sample", "fma_share", "dense_us", "dense_share", "over_dense"});
  EXPECT_LT(row.at("fma_share").as_double(), 1.2);
  EXPECT_NEAR(row.at("over_dense").as_double(),
              row.at("dense_us").as_double() / row.at("us_per_sample").as_double(), 1e-6);
  if (machine.at("fftw").as_string().empty()) {
    EXPECT_TRUE(row.at("fftw_us").is_null() && row.at("over_fftw").is_null());
  } else {
    expect_positive(row, {"fftw_us", "over_fftw"});
  }
}

TEST(Bench, PrintsATable) {
  const Outcome outcome = bench({"--n", "64", "--batch", "1,4", "--op", "forward", "--verbose"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("SIMD"), HasSubstr("GFLOP/s"), HasSubstr("FMA %"),
                                 HasSubstr("openblas gemv"), HasSubstr("onednn matmul"),
                                 HasSubstr("done: 2 of 2 rows")));
}

TEST(Bench, EveryOpAndTypeHasItsRivals) {
  const Config all =
      report({"--n", "16", "--batch", "1,2", "--op", "forward,backward,step,kmatrix_forward",
              "--dtype", "f32,f64,c64,c128", "--seconds", "0", "--json", "-"});
  std::set<std::string> seen;
  for (const Config& row : all.at("rows").as_array()) {
    expect_positive(row, {"us_per_sample", "fma_share", "dense_us", "over_dense"});
    const std::string op = row.at("op").as_string();
    if (op == "backward" || op == "step") {
      EXPECT_TRUE(row.at("fftw_us").is_null());
    }
    seen.insert(op + row.at("dtype").as_string());
  }
  EXPECT_EQ(all.at("rows").as_array().size(), 4u * 4 * 2);
  EXPECT_EQ(seen.size(), 16u);
}

TEST(Bench, WithoutDense) {
  const Config all = report(kSmall + Words{"--no-dense", "--json", "-"});
  const Config& row = all.at("rows").as_array().at(0);
  for (const char* key : {"dense_us", "dense_how", "dense_share", "dense_ok", "over_dense"})
    EXPECT_TRUE(row.at(key).is_null()) << key;
}

TEST(Bench, OnTwoThreads) {
  const Config all =
      report({"--n", "64", "--batch", "4", "--op", "step", "--threads", "2", "--json", "-"});
  if (all.at("machine").at("threads").as_int() == 1) GTEST_SKIP() << "built without OpenMP";
  EXPECT_EQ(all.at("machine").at("threads").as_int(), 2);
  const Config& row = all.at("rows").as_array().at(0);
  EXPECT_EQ(row.at("threads").as_int(), 2);
  EXPECT_TRUE(row.at("fftw_us").is_null());
}

TEST(Bench, DiscardsWhatGovernsTheLibraries) {
  setenv("OPENBLAS_CORETYPE", "Prescott", 1);
  setenv("ONEDNN_MAX_CPU_ISA", "SSE41", 1);
  const Outcome outcome = bench(kSmall + Words{"--json", "-"});
  unsetenv("OPENBLAS_CORETYPE");
  unsetenv("ONEDNN_MAX_CPU_ISA");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("OPENBLAS_CORETYPE"), HasSubstr("ONEDNN_MAX_CPU_ISA")));
  EXPECT_THAT(Config::parse(outcome.out).at("machine").at("blas").as_string(),
              Not(HasSubstr("Prescott")));
  EXPECT_THAT(bench(kSmall).err, Not(HasSubstr("starts anew")));
}

TEST(Bench, ControlCKeepsWhatWasMeasured) {
  const TemporaryFolder folder;
  const pid_t process = start({"bench", "--n", "64,256", "--batch", "1", "--op", "forward",
                               "--seconds", "1", "--json", folder / "report.json"},
                              folder / "out", folder / "err");
  const auto printed = [&] {
    return std::filesystem::exists(folder / "out") ? read_file(folder / "out") : "";
  };
  while (printed().find("\nforward") == std::string::npos) usleep(20000);
  // The second row is being measured.
  kill(process, SIGINT);
  EXPECT_EQ(wait_for(process), 130);
  EXPECT_THAT(read_file(folder / "out"), HasSubstr("interrupted: 1 of 2 rows"));
  EXPECT_EQ(Config::parse(read_file(folder / "report.json")).at("rows").as_array().size(), 1u);
}

TEST(Bench, MistakesAreExplained) {
  const auto error = [](const Words& more, int code = 1) {
    const Outcome outcome = bench(more);
    EXPECT_EQ(outcome.code, code) << outcome.err;
    return outcome.err;
  };
  EXPECT_THAT(error({"--bach", "1"}, 2),
              AllOf(HasSubstr("--bach"), HasSubstr("--batch"), HasSubstr("--help")));
  EXPECT_THAT(error({"--op", "sideways"}),
              AllOf(HasSubstr("sideways"), HasSubstr("kmatrix_forward")));
  EXPECT_THAT(error({"--layout", "columns"}), HasSubstr("features_major"));
  EXPECT_THAT(error({"--dtype", "f16"}), HasSubstr("c128"));
  EXPECT_THAT(error({"--dtype", "i64"}), HasSubstr("c128"));
  EXPECT_THAT(error({"--n", "100"}), AllOf(HasSubstr("100"), HasSubstr("power of two")));
  EXPECT_THAT(error({"--n", "65536"}), HasSubstr("--no-dense"));
  EXPECT_THAT(error({"--batch", "0"}), HasSubstr("--batch is 0"));
  EXPECT_THAT(error({"--seconds", "-1"}, 2), HasSubstr("--seconds"));
}

}  // namespace
}  // namespace papilio::testing
