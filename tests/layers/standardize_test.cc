// Standardize::before(): the statistics and the layer behind them as one layer.
#include <gtest/gtest.h>

#include <cctype>

#include "papilio/core/gradient_check.h"
#include "papilio/layers/factory.h"
#include "papilio/layers/norm.h"
#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio {
namespace {

constexpr DType f64 = DType::f64;

// Statistics [features], and layers between them and 5 features.
struct BeforeALayer : ::testing::TestWithParam<const char*> {
  static constexpr int64_t kFeatures = 12;
  Tensor mean = randn({kFeatures}, Rng(1), f64),
         deviation = rand_uniform({kFeatures}, 0.1, 2, Rng(2), f64),
         x = randn({3, kFeatures}, Rng(3), f64);
  Standardize standardize{mean, deviation};
  std::unique_ptr<StructuredLinear> layer = make(GetParam());

  static std::unique_ptr<StructuredLinear> make(const char* name) {
    Config config = make_hidden(name, kFeatures, 5, Rng(0))->config();
    config["dtype"] = "f64";
    return make_structured(config);
  }

  std::vector<double> one_by_one() { return numbers((*layer)(standardize(x))); }
  std::vector<double> together() { return numbers(standardize.before(*layer, x)); }
};

TEST_P(BeforeALayer, GivesWhatBothGive) {
  expect_numbers(standardize.before(*layer, x), one_by_one(), 1e-12);
  const Tensor ones = Tensor::full({kFeatures}, 1, f64);
  EXPECT_EQ(layer->on_raw_input(mean, ones) != nullptr, layer->times_diagonal(ones) != nullptr);
}

TEST_P(BeforeALayer, NoticesEveryChange) {
  const auto changed = [&](const char* what) {
    SCOPED_TRACE(what);
    expect_numbers(standardize.before(*layer, x), one_by_one(), 1e-12);
  };
  std::vector<double> last = together();
  for (Parameter p : layer->parameters()) {
    p.mutable_value().assign(scale(p, 1.5) +
                             Tensor::full(p.value().shape(), 0.25, p.value().dtype()));
    changed(p.name().c_str());
    EXPECT_NE(together(), last);
    last = together();
  }
  Tensor(standardize.mean()).assign(scale(mean, 2));
  changed("mean");
  Tensor(standardize.deviation()).assign(scale(deviation, 3));
  changed("deviation");
  layer->fuse(Activation::relu);
  changed("activation");
  layer->fuse(Activation::none);
  const auto other = make(GetParam());  // its values are those of before the changes
  EXPECT_NE(numbers(standardize.before(*other, x)), together());
  changed("back to the first layer");
}

TEST_P(BeforeALayer, RunsOneByOneUnderTapesAndObservers) {
  std::vector<const Module*> seen;
  {
    const CallObserver observer(
        [&](Module& module, const Tensor&, const Tensor&) { seen.push_back(&module); });
    EXPECT_EQ(together(), one_by_one());
  }
  EXPECT_EQ(seen,
            (std::vector<const Module*>{&standardize, layer.get(), &standardize, layer.get()}));
  const auto checked =
      check_parameter_gradient([&] { return standardize.before(*layer, x); }, layer->parameters());
  EXPECT_TRUE(checked.ok) << checked.message;
}

TEST_P(BeforeALayer, LeavesLargeShiftsInFrontOfTheLayer) {
  Tensor far = mean.clone();
  far.mutable_data<double>()[3] = 1e9;
  Standardize shifted(far, deviation);
  x.mutable_data<double>()[3] = 1e9 + 1;
  EXPECT_EQ(layer->on_raw_input(far, Tensor::full({kFeatures}, 1, f64)), nullptr);
  EXPECT_EQ(numbers(shifted.before(*layer, x)), numbers((*layer)(shifted(x))));
}

TEST_P(BeforeALayer, TakesImagesWithStatisticsOfChannels) {
  Standardize channels(Tensor::from<double>({0.3, 0.4, 0.5}), Tensor::from<double>({0.2, 0.3, 0}));
  const Tensor images = randn({6, 2, 2, 3}, Rng(6), f64);
  expect_numbers(channels.before(*layer, images),
                 numbers((*layer)(reshape(channels(images), {6, kFeatures}))), 1e-12);
  EXPECT_EQ(channels.before(*layer, Tensor::zeros({0, 2, 2, 3}, f64)).shape(), Shape({0, 5}));
  expect_error(
      [&] {
        channels.before(*layer, Tensor::zeros({6, 2, 3, 2}, f64));
      },
      {"[6, 2, 3, 2]"});
  expect_error([&] { channels.before(*layer, Tensor::zeros({6, 3, 2, 3}, f64)); }, {"18", "12"});
}

INSTANTIATE_TEST_SUITE_P(, BeforeALayer,
                         ::testing::Values("dense", "butterfly", "kmatrix", "kmatrix-orthogonal",
                                           "bpbp", "bpbp-complex", "low-rank:3", "ldr-td"),
                         [](const auto& row) {
                           std::string name = row.param;
                           for (char& c : name)
                             if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
                           return name;
                         });

TEST(Standardize, IsPartOfTheFirstFactorOfAButterfly) {
  const Tensor ones = Tensor::full({12}, 1);
  for (const char* name : {"butterfly", "kmatrix", "kmatrix-orthogonal", "bpbp", "low-rank:3"})
    EXPECT_NE(make_hidden(name, 12, 5, Rng(1))->times_diagonal(ones), nullptr) << name;
}

}  // namespace
}  // namespace papilio
