#include "papilio/models/factorize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <filesystem>
#include <limits>

#include "papilio/layers/target_matrix.h"
#include "papilio/models/checkpoint.h"
#include "papilio/models/transform_fit.h"
#include "papilio/models/transform_trial.h"
#include "papilio/tests/core/error_of.h"

namespace papilio {
namespace {

using ::testing::HasSubstr;

FactorizeOptions by_gradient(const std::string& model, const std::string& search = "enumerated") {
  FactorizeOptions options;
  options.method = "gradient";
  options.model = model;
  options.permutation_search = search;
  options.workers = 2;
  return options;
}

TEST(Factorize, LearnsTransformsToMachinePrecision) {
  const std::pair<const char*, const char*> targets[] = {{"dft", "bp"},      {"idft", "bp"},
                                                         {"hadamard", "bp"}, {"hartley", "bp"},
                                                         {"dct2", "bpp"},    {"dst2", "bpp"}};
  for (const auto& [name, model] : targets)
    for (const char* search : {"enumerated", "learned"}) {
      auto [layer, report] = factorize(target_matrix(name, 16), by_gradient(model, search));
      EXPECT_LE(report.rmse, 1e-12) << name << " " << search;
      EXPECT_TRUE(report.reached);
      EXPECT_EQ(report.permutations.size(), 1u);
      EXPECT_EQ(report.parameters, 8 * 15);
    }
}

TEST(Factorize, LearnsConvolutionsByTwoButterflies) {
  const Tensor matrix = target_matrix("convolution", 16);
  for (const char* model : {"bpbp", "bb", "kmatrix"})
    EXPECT_LE(factorize(matrix, by_gradient(model)).report.rmse, 1e-12) << model;
}

TEST(Factorize, LearnsInSinglePrecision) {
  FactorizeOptions options = by_gradient("bpp");
  options.dtype = DType::f32;
  const auto [layer, report] = factorize(target_matrix("dct2", 32), options);
  EXPECT_EQ(layer->dtype(), DType::f32);
  EXPECT_LE(report.rmse, 5e-7);
}

TEST(Factorize, TakesModelsOfEveryKind) {
  const Tensor hadamard = target_matrix("hadamard", 8);
  for (const char* model : {"bp-real", "bp-untied", "bp-real-untied", "bb-real", "kmatrix-w2-e2",
                            "kmatrix-e2-real", "auto"}) {
    const auto [layer, report] = factorize(hadamard, by_gradient(model));
    EXPECT_LE(report.rmse, 1e-12) << model;
  }
}

// 5 x 7 in size 8: the general form, not that of powers of two.
TEST(Factorize, PadsOtherSizesAndScales) {
  const Tensor dft = target_matrix("dft", 8);
  const Tensor part = scale(slice(slice(dft, 0, 0, 5), 1, 0, 7), 1e6);
  const auto [layer, report] = factorize(part, by_gradient("bp"));
  EXPECT_EQ(layer->in_features(), 7);
  EXPECT_EQ(layer->out_features(), 5);
  EXPECT_LE(report.relative_error, 1e-11);
}

TEST(Factorize, FindsClosedForms) {
  for (const char* name : {"dft", "hadamard", "convolution", "toeplitz"}) {
    const auto [layer, report] = factorize(target_matrix(name, 64));
    EXPECT_EQ(report.method, "closed-form") << name;
    EXPECT_LE(report.relative_error, 1e-14) << name;
    EXPECT_TRUE(report.reached);
  }
  FactorizeOptions only;
  only.method = "closed-form";
  EXPECT_FALSE(factorize(target_matrix("dct2", 16), only).report.reached);
  EXPECT_EQ(factorize(target_matrix("dct2", 16)).report.method, "gradient");
}

TEST(Factorize, LayersAreSavedAndLoaded) {
  const Tensor matrix = target_matrix("dct2", 12);
  FactorizeOptions options = by_gradient("bpp");
  options.trials = 2;
  auto [layer, report] = factorize(matrix, options);
  const std::string file = testing::TempDir() + "learned.safetensors";
  save(*layer, file);
  const auto loaded = models::load(file);
  const Tensor x = randn({3, 12}, Rng(1), DType::f64);
  EXPECT_EQ((*loaded)(x).to_vector<double>(), (*layer)(x).to_vector<double>());
}

TEST(Factorize, GoesOnWithAnInterruptedSearch) {
  FactorizeOptions options = by_gradient("bpp");
  options.workers = 1;
  options.state_file = testing::TempDir() + "search.json";
  std::filesystem::remove(options.state_file);
  const Tensor matrix = target_matrix("dct2", 16);
  int64_t advances = 0;
  options.progress = [&](const optim::HalvingProgress& now) { advances = now.advances; };
  options.stop = [&] { return advances >= 3; };
  const FactorizeReport first = factorize(matrix, options).report;
  EXPECT_TRUE(first.interrupted);
  options.stop = nullptr;
  const FactorizeReport second = factorize(matrix, options).report;
  EXPECT_TRUE(second.reached);
  EXPECT_GT(second.trials, 3);
  options.state_file.clear();
  EXPECT_EQ(factorize(matrix, options).report.rmse, second.rmse);
}

TEST(Factorize, EndsBeforeTheFirstTrial) {
  const Tensor matrix = target_matrix("dct2", 16);
  FactorizeOptions options = by_gradient("bpp");
  options.stop = [] { return true; };
  const auto [layer, report] = factorize(matrix, options);
  EXPECT_EQ(layer, nullptr);
  EXPECT_TRUE(report.interrupted);
  options.method = "auto";
  const auto [closed, closed_report] = factorize(matrix, options);
  ASSERT_NE(closed, nullptr);
  EXPECT_EQ(closed_report.method, "closed-form");
  EXPECT_TRUE(closed_report.interrupted);
  options.stop = nullptr;
  options.budget_seconds = 1e-9;
  EXPECT_FALSE(factorize(matrix, options).report.reached);
  options.method = "gradient";
  EXPECT_EQ(factorize(matrix, options).layer, nullptr);
}

TEST(Factorize, StateFilesAreOfOneMatrix) {
  FactorizeOptions options = by_gradient("bp");
  options.trials = 1;
  options.state_file = testing::TempDir() + "of_one.json";
  std::filesystem::remove(options.state_file);
  Tensor matrix = target_matrix("dft", 8);
  factorize(matrix, options);
  std::swap(matrix.mutable_data<std::complex<double>>()[9],
            matrix.mutable_data<std::complex<double>>()[10]);
  EXPECT_THAT(error_of([&] { factorize(matrix, options); }), HasSubstr("another search"));
}

// An entry's square is beyond the numbers.
TEST(Factorize, TakesLargeAndSmallMatrices) {
  for (const double factor : {1e200, 1e-200}) {
    const Tensor matrix = scale(target_matrix("hadamard", 8), factor);
    EXPECT_NEAR(default_tolerance(matrix, DType::f64) / factor, 1e-12, 1e-20);
    const FactorizeReport report = factorize(matrix).report;
    EXPECT_EQ(report.method, "closed-form");
    EXPECT_TRUE(report.reached);
    EXPECT_LE(report.relative_error, 1e-14);
  }
}

TEST(Factorize, CountsMultiplications) {
  FactorizeOptions options = by_gradient("bp");
  options.trials = 1;
  EXPECT_EQ(factorize(target_matrix("dft", 16)).report.multiplications, 16 * 8 * 4);
  EXPECT_EQ(factorize(target_matrix("dft", 16), options).report.multiplications, 16 * 8 * 4);
  EXPECT_EQ(factorize(target_matrix("hadamard", 16)).report.multiplications, 4 * 8 * 4);
}

TEST(Factorize, RefusesWhatItCannotTake) {
  const Tensor ok = target_matrix("dft", 8);
  EXPECT_THAT(error_of([] { factorize(Tensor()); }), HasSubstr("undefined"));
  EXPECT_THAT(error_of([] { factorize(Tensor::zeros({4})); }), HasSubstr("[out, in]"));
  EXPECT_THAT(error_of([] {
                factorize(Tensor::full({4, 4}, std::numeric_limits<double>::quiet_NaN()));
              }),
              HasSubstr("not finite"));
  EXPECT_THAT(error_of([&] { factorize(ok, by_gradient("bq")); }), HasSubstr("bpbp"));
  EXPECT_THAT(error_of([&] { factorize(ok, by_gradient("kmatrix-e3")); }),
              HasSubstr("power of two"));
  EXPECT_THAT(error_of([&] { factorize(ok, by_gradient("bp-real")); }), HasSubstr("complex"));
  EXPECT_THAT(error_of([&] { factorize(ok, by_gradient("bp", "guessed")); }),
              HasSubstr("enumerated"));
  FactorizeOptions closed = by_gradient("nonsense");
  closed.method = "closed-form";
  EXPECT_THAT(error_of([&] { factorize(ok, closed); }), HasSubstr("nonsense"));
  EXPECT_TRUE(factorize(Tensor::zeros({4, 4}, DType::f64), by_gradient("bp")).report.reached);
}

// Gradients of every form of the misfit against differences, and both forms against each other.
TEST(TransformFit, GradientsAreThoseOfDifferences) {
  using models::FitModel;
  const Tensor square = target_matrix("dft", 8), cut = slice(square, 1, 0, 6);
  std::vector<FitModel> forms = {
      {.n = 8, .stages = {{.permuted = true}}},
      {.n = 8, .stages = {{.permuted = true}}, .real_part = true},
      {.n = 8, .stages = {{.permuted = true}, {.permuted = true}}},
      {.n = 16, .stages = {{.nblocks = 2, .increasing_stride = false}}, .tied = false},
      {.n = 8, .stages = {{.permuted = true}}, .complex = false}};
  for (const FitModel& model : forms)
    for (const Tensor& target : {square, cut})
      for (const bool soft : {false, true}) {
        std::vector<std::vector<int64_t>> permutations;
        for (const auto& stage : model.stages)
          permutations.push_back(stage.permuted ? Rng(2).permutation(model.n)
                                                : std::vector<int64_t>());
        const auto misfit = soft ? models::soft_misfit(model, target, false, 100, Rng(4))
                                 : models::hard_misfit(model, target, permutations);
        std::vector<double> x = model.initial(Rng(1));
        if (soft) x.resize(x.size() + static_cast<size_t>(model.logit_count(false)), 0.3);
        std::vector<double> gradient(x.size()), unused(x.size());
        (*misfit)(x, gradient);
        for (size_t i = x.size() - 1; i < x.size(); i -= 7) {
          constexpr double kStep = 1e-5;
          const double old = x[i];
          x[i] = old + kStep;
          const double above = (*misfit)(x, unused);
          x[i] = old - kStep;
          const double below = (*misfit)(x, unused);
          x[i] = old;
          EXPECT_NEAR((above - below) / (2 * kStep), gradient[i],
                      1e-6 * (1 + std::abs(gradient[i])))
              << i;
        }
      }
}

}  // namespace
}  // namespace papilio
