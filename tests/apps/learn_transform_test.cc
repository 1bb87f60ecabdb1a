#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "papilio/core/config.h"
#include "papilio/core/file.h"
#include "papilio/core/npy.h"
#include "papilio/core/random.h"
#include "papilio/layers/structured_linear.h"
#include "papilio/layers/target_matrix.h"
#include "papilio/models/checkpoint.h"
#include "papilio/tests/apps/process.h"

namespace papilio::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string new_folder(const std::string& name) {
  const fs::path folder = fs::path(::testing::TempDir()) / name;
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder.string();
}

TEST(LearnTransform, LearnsAndSavesALayer) {
  const std::string folder = new_folder("learned");
  for (const char* search : {"learned", "enumerated"}) {
    const Outcome outcome =
        run({"learn_transform", "--target", "dft", "--size", "16", "--method", "gradient",
             "--permutation-search", search, "--out", folder, "--json", folder + "/a.json"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    const Config report = Config::parse(read_file(folder + "/a.json"));
    EXPECT_EQ(report.at("target").as_string(), "dft");
    EXPECT_EQ(report.at("size").as_int(), 16);
    EXPECT_EQ(report.at("method").as_string(), "gradient");
    EXPECT_EQ(report.at("model").as_string(), "bp");
    EXPECT_EQ(report.at("dtype").as_string(), "c128");
    EXPECT_LE(report.at("rmse").as_double(), 1e-12);
    EXPECT_LE(report.at("relative_error").as_double(), 4e-12);
    EXPECT_GT(report.at("seconds").as_double(), 0);
    EXPECT_EQ(report.at("parameters").as_int(), 120);
    EXPECT_EQ(report.at("permutation").as_array().size(), 16u);
    EXPECT_EQ(report.at("permutation_search").as_string(), search);
    EXPECT_GT(report.at("speed").at("layer_us").as_double(), 0);
    EXPECT_GT(report.at("speed").at("gemv_us").as_double(), 0);
  }
  const auto layer = models::load(folder + "/transform.safetensors");
  const Tensor dense = dynamic_cast<StructuredLinear&>(*layer).to_dense();
  const Tensor target = target_matrix("dft", 16);
  for (int64_t i = 0; i < 256; ++i)
    EXPECT_LE(
        std::abs(dense.data<std::complex<double>>()[i] - target.data<std::complex<double>>()[i]),
        1e-11);
  for (const char* picture : {"matrix.png", "error.png", "factors.png", "permutation.png"})
    EXPECT_TRUE(fs::exists(folder + "/" + picture)) << picture;
  EXPECT_EQ(run({"describe", folder + "/transform.safetensors"}).code, 0);

  const Outcome other =
      run({"learn_transform", "--target", "idft", "--size", "16", "--out", folder});
  EXPECT_EQ(other.code, 1);
  EXPECT_THAT(other.err, HasSubstr("holds dft of size 16; take another --out"));
}

TEST(LearnTransform, TakesMatricesFromFiles) {
  const std::string folder = new_folder("files"), file = folder + "/m.npy";
  write_npy(file, target_matrix("hadamard", 8).to(DType::f32));
  const Outcome found = run({"learn_transform", "--target", "file:" + file, "--json", "-"});
  ASSERT_EQ(found.code, 0) << found.err;
  EXPECT_THAT(found.out, HasSubstr("closed-form"));
  EXPECT_LE(Config::parse(found.out).at("rmse").as_double(), 1e-7);
  write_npy(file, randn({5, 7}, Rng(1)));
  const Outcome none = run({"learn_transform", "--target", "file:" + file, "--trials", "3"});
  ASSERT_EQ(none.code, 0) << none.err;
  EXPECT_THAT(none.out, AllOf(HasSubstr("nearest: "), HasSubstr("low rank")));
  EXPECT_THAT(none.err, HasSubstr("padded"));
}

// A multiple of a transform that no plain butterfly is, rounded to 32 bits: its constructor.
TEST(LearnTransform, RecognisesTransformsInFiles) {
  const std::string file = new_folder("recognised") + "/m.npy";
  for (const char* name : {"dct3", "dst2", "hartley"}) {
    for (const DType dtype : {DType::f64, DType::f32}) {
      Tensor matrix = target_matrix(name, 12);
      const double factor = dtype == DType::f64 ? -3e200 : -3;
      for (int64_t i = 0; i < matrix.numel(); ++i) matrix.mutable_data<double>()[i] *= factor;
      write_npy(file, matrix.to(dtype));
      const Outcome found = run({"learn_transform", "--target", "file:" + file, "--json", "-"});
      ASSERT_EQ(found.code, 0) << found.err;
      const Config report = Config::parse(found.out);
      EXPECT_EQ(report.at("model").as_string(), "constructor") << name;
      EXPECT_TRUE(report.at("reached").as_bool()) << name;
      EXPECT_LE(report.at("relative_error").as_double(), dtype == DType::f64 ? 1e-13 : 1e-6);
    }
  }
}

TEST(LearnTransform, NamesWhatIsWrong) {
  const std::string file = new_folder("wrong") + "/m.npy";
  const auto error = [&](const Tensor& matrix) {
    write_npy(file, matrix);
    const Outcome outcome = run({"learn_transform", "--target", "file:" + file});
    EXPECT_EQ(outcome.code, 1);
    return outcome.err;
  };
  EXPECT_THAT(error(randn({4}, Rng(1))), AllOf(HasSubstr("m.npy"), HasSubstr("matrix")));
  EXPECT_THAT(error(Tensor::full({2, 2}, std::nan(""))),
              AllOf(HasSubstr("m.npy"), HasSubstr("[0, 0]"), HasSubstr("not finite")));
  write_file(file, "no array");
  EXPECT_THAT(run({"learn_transform", "--target", "file:" + file}).err,
              HasSubstr("not a .npy file"));
  EXPECT_THAT(run({"learn_transform", "--target", "dfft"}).err, HasSubstr("idft"));
  EXPECT_THAT(run({"learn_transform"}).err, HasSubstr("--target"));
  EXPECT_EQ(run({"learn_transform", "--method", "magic"}).code, 2);
  EXPECT_THAT(
      run({"learn_transform", "--target", "dft", "--model", "bq", "--method", "gradient"}).err,
      HasSubstr("bpbp"));
}

TEST(LearnTransform, RefusesUnknownModelsAndBudgetsForNothing) {
  for (const char* method : {"closed-form", "auto", "oracle"})
    EXPECT_THAT(
        run({"learn_transform", "--target", "dct", "--model", "nonsense", "--method", method}).err,
        HasSubstr("nonsense"));
  const Outcome outcome = run({"learn_transform", "--target", "dft", "--method", "gradient",
                               "--budget-seconds", "0.000001"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("raise it"));
  const Outcome large = run({"learn_transform", "--target", "dft", "--size", "200000"});
  EXPECT_EQ(large.code, 1);
  EXPECT_THAT(large.err, AllOf(HasSubstr("--size 200000"), HasSubstr("--method oracle")));
}

TEST(LearnTransform, OtherMethods) {
  const Outcome oracle = run({"learn_transform", "--target", "dft", "--size", "32768", "--method",
                              "oracle", "--json", "-"});
  ASSERT_EQ(oracle.code, 0) << oracle.err;
  EXPECT_THAT(oracle.err, HasSubstr("bit reversal"));
  const Outcome noisy = run({"learn_transform", "--target", "hadamard", "--size", "64", "--method",
                             "closed-form", "--noise", "0.01", "--json", "-"});
  ASSERT_EQ(noisy.code, 0) << noisy.err;
  const Config report = Config::parse(noisy.out);
  EXPECT_LE(report.at("rmse").as_double(), report.at("noise_rmse").as_double());
  EXPECT_LT(report.at("clean_rmse").as_double(), report.at("noise_rmse").as_double());
}

TEST(LearnTransform, MakesTheTable) {
  const std::string folder = new_folder("table");
  for (int start = 0; start < 2; ++start) {
    const Outcome outcome =
        run({"learn_transform", "--table", "--size", "8", "--trials", "40", "--out", folder});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
  }
  const Config table = Config::parse(read_file(folder + "/table.json"));
  EXPECT_EQ(table.at("cells").as_array().size(), 8u);
  for (const Config& cell : table.at("cells").as_array())
    EXPECT_GT(cell.at("sparse").as_double(), 0);
  EXPECT_TRUE(fs::exists(folder + "/table.png"));
  const Outcome other = run({"learn_transform", "--table", "--size", "8", "--trials", "40",
                             "--seed", "1", "--out", folder});
  EXPECT_EQ(other.code, 1);
  EXPECT_THAT(other.err, AllOf(HasSubstr(folder), HasSubstr("options")));
}

TEST(LearnTransform, TablesHoldWhatWasNotFoundInTime) {
  const std::string folder = new_folder("table_in_time");
  const Outcome outcome = run({"learn_transform", "--table", "--size", "8", "--budget-seconds",
                               "0.000001", "--out", folder});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Config cell = Config::parse(read_file(folder + "/cells/dft-8.json"));
  EXPECT_FALSE(cell.at("reached").as_bool());
  EXPECT_FALSE(cell.contains("gradient"));
}

}  // namespace
}  // namespace papilio::testing
