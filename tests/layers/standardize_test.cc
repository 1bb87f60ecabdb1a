// Standardize::before(): the statistics and the layer behind them as one layer.
#include <gtest/gtest.h>

#include <cctype>

#include "papilio/core/gradient_check.h"
#include "papilio/layers/butterfly.h"
#include "papilio/layers/factory.h"
#include "papilio/layers/kmatrix.h"
#include "papilio/layers/linear.h"
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
  EXPECT_EQ(layer->on_raw_input(mean, ones) != nullptr, layer->with_scaled_input(ones) != nullptr);
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
  expect_error(
      [&] {
        channels.before(*layer, Tensor::zeros({6, 3, 2, 3}, f64));
      },
      {"[6, 3, 2, 3]", "takes 12"});
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

TEST(Standardize, TakesEveryShapeThatTheLayerTakes) {
  const Tensor mean = randn({12}, Rng(1)), deviation = rand_uniform({12}, 1, 2, Rng(2));
  Standardize standardize(mean, deviation);
  KMatrix layer(12, 40, {}, Rng(3));  // three stacks
  for (const Shape& shape : {Shape{12}, Shape{5, 12}, Shape{2, 5, 12}, Shape{0, 12}}) {
    const Tensor x = randn(shape, Rng(4)), y = standardize.before(layer, x);
    EXPECT_EQ(y.shape(), shape.with(-1, 40));
    expect_numbers(y, numbers(layer(standardize(x))), 1e-5);
  }
  Standardize other(randn({20}, Rng(1)), rand_uniform({20}, 1, 2, Rng(2)));
  expect_error([&] { other.before(layer, Tensor::zeros({0, 20})); }, {"[0, 20]", "20", "12"});
  expect_error([&] { other.before(layer, Tensor::zeros({3, 20})); }, {"[3, 20]", "20", "12"});

  Standardize single(Tensor::full({1}, 0.5), Tensor::full({1}, 2));
  Butterfly one(1, 1, {}, Rng(5));  // has no factor
  expect_numbers(single.before(one, Tensor::full({1, 1}, 4)),
                 numbers(one(Tensor::full({1, 1}, 1.75))), 1e-6);
}

// In the frozen form of a butterfly a diagonal entry that adds little is enlarged: little beside
// its neighbour if both inputs are of one size.
TEST(Standardize, KeepsDeviationsOfUnlikeSizesInFrontOfTheLayer) {
  const Tensor twiddle = Tensor::from<float>({1, 1, 1, -1}).view({1, 1, 1, 1, 2, 2});
  Butterfly layer = Butterfly::from_twiddle(2, 2, twiddle, true);
  Standardize far(Tensor::zeros({2}), Tensor::from<float>({1e5F, 1e-3F}));
  expect_numbers(far.before(layer, Tensor::from<float>({1e5F, 1e-3F}).view({1, 2})), {2, 0}, 1e-6);

  KMatrix padded(3, 3, {}, Rng(1));  // the fourth input is 0, and counts as 1
  Standardize large(Tensor::zeros({3}), Tensor::full({3}, 1e8));
  const Tensor x = randn({4, 3}, Rng(2));
  expect_numbers(large.before(padded, scale(x, 1e8)), numbers(padded(x)), 1e-5);
}

TEST(Standardize, FoldsTheLayerThatStandsThereNow) {
  const Tensor mean = randn({16}, Rng(1)), deviation = rand_uniform({16}, 1, 2, Rng(2)),
               x = randn({3, 16}, Rng(3));
  Standardize standardize(mean, deviation);
  Linear place(16, 16, {}, Rng(4));
  const auto expect_both = [&](Standardize& first, StructuredLinear& next) {
    expect_numbers(first.before(next, x), numbers(next(first(x))), 1e-5);
  };
  expect_both(standardize, place);
  place.replace(std::make_unique<KMatrix>(16, 16, KMatrixOptions{}, Rng(5)));
  expect_both(standardize, place);
  place.fuse(Activation::relu);
  expect_both(standardize, place);
  place.replace(std::make_unique<Butterfly>(16, 16, ButterflyOptions{}, Rng(6)));
  expect_both(standardize, place);

  Standardize moved = std::move(standardize);
  Linear moved_place = std::move(place);
  expect_both(moved, moved_place);
  moved = Standardize(scale(mean, 2), deviation);
  expect_both(moved, moved_place);
}

TEST(Standardize, StaysInFrontOfComplexLayers) {
  KMatrix layer(4, 4, {.dtype = DType::c64}, Rng(1));
  EXPECT_EQ(layer.on_raw_input(Tensor::zeros({4}), Tensor::full({4}, 1)), nullptr);
  EXPECT_NE(layer.with_scaled_input(Tensor::full({4}, 1)), nullptr);
}

TEST(Standardize, IsPartOfTheFirstFactorOfAButterfly) {
  const Tensor ones = Tensor::full({12}, 1);
  for (const char* name : {"butterfly", "kmatrix", "kmatrix-orthogonal", "bpbp", "low-rank:3"})
    EXPECT_NE(make_hidden(name, 12, 5, Rng(1))->with_scaled_input(ones), nullptr) << name;
}

}  // namespace
}  // namespace papilio
