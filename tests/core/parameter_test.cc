#include "papilio/core/parameter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "papilio/tests/core/error_of.h"

namespace papilio {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Parameter, CopiesAreTheSameParameter) {
  Parameter a(Tensor::from<double>({1, 2}));
  Parameter b = a;
  b.accumulate(Tensor::from<double>({3, 4}));
  b.mutable_hints().weight_decay = false;
  EXPECT_EQ(a, b);
  EXPECT_EQ(a.identity(), b.identity());
  EXPECT_THAT(a.gradient().to_vector<double>(), ElementsAre(3, 4));
  EXPECT_FALSE(a.hints().weight_decay);
  EXPECT_FALSE(a == Parameter(Tensor::from<double>({1, 2})));
}

// One parameter has as many names as there are paths to it.
TEST(Parameter, ANameBelongsToTheHandle) {
  Parameter a(Tensor::zeros({2})), b = a;
  a.set_name("head.weight");
  b.set_name("weight");
  EXPECT_EQ(a.name(), "head.weight");
  EXPECT_EQ(Parameter(a).name(), "head.weight");
}

TEST(Parameter, GradientsAddWithoutWritingTheTensorThatWasGiven) {
  Parameter p(Tensor::zeros({2}, DType::f64));
  const Tensor given = Tensor::from<double>({1, 2});
  p.accumulate(given);
  p.accumulate(given);
  p.mutable_gradient().mutable_data<double>()[0] = 100;
  EXPECT_THAT(p.gradient().to_vector<double>(), ElementsAre(100, 4));
  EXPECT_THAT(given.to_vector<double>(), ElementsAre(1, 2));
}

TEST(Parameter, WritingItsValueRaisesTheVersion) {
  Parameter p(Tensor::zeros({2}));
  const uint64_t before = p.value().version();
  p.mutable_value().assign(Tensor::full({2}, 1));
  EXPECT_GT(p.value().version(), before);
}

TEST(Parameter, ErrorsSayWhatDoesNotFit) {
  Parameter p(Tensor::zeros({2, 3}));
  EXPECT_EQ(error_of([&] { p.accumulate(Tensor({3})); }),
            "gradient: [3] f32 given for the parameter [2, 3] f32 made at " + p.place());
  EXPECT_THAT(error_of([&] { p.accumulate(Tensor({2, 3}, DType::f64)); }), HasSubstr("[2, 3] f64"));
  EXPECT_FALSE(p.gradient().defined());
  EXPECT_THAT(error_of([] { Parameter().value(); }), HasSubstr("undefined"));
  EXPECT_THAT(error_of([] { Parameter{Tensor()}; }), HasSubstr("its value is undefined"));
}

TEST(Parameter, OneThatNoOptimizerListsIsNamedWithItsPlace) {
  Parameter lost(Tensor::zeros({7}));
  const std::string place = concat("parameter_test.cc:", __LINE__ - 1);
  EXPECT_EQ(lost.place(), place);
  lost.accumulate(Tensor::zeros({7}));
  EXPECT_THAT(error_of([] { check_all_listed(); }),
              AllOf(HasSubstr("[7] f32 made at " + place), HasSubstr("fields()")));
  EXPECT_EQ(error_of([] { check_all_listed(); }), "no error");  // said once

  lost.accumulate(Tensor::zeros({7}));
  lost.set_listed();
  EXPECT_EQ(error_of([] { check_all_listed(); }), "no error");
}

}  // namespace
}  // namespace papilio
