// The gradient check finds what is wrong with an op; each test breaks one thing.
#include "papilio/core/gradient_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "papilio/core/ops.h"
#include "papilio/tests/core/error_of.h"

namespace papilio {
namespace {

using ::testing::HasSubstr;
using Inputs = std::span<const Tensor>;

// Checks x^2 with a backward function of the test's own.
GradientCheckReport check_square(const std::function<Tensor(const Tensor& x, const Tensor& dy)>& dx,
                                 const Tensor& x) {
  const Tensor inputs[] = {x};
  return check_gradient(
      [&](Inputs in) {
        Tensor y = [&] {
          const NoTape guard;
          return mul(in[0], in[0]);
        }();
        record("square", y, {&in[0]}, [&, v = in[0].detach()](const Tensor& dy, InputGradients& g) {
          g.add(0, dx(v, dy));
        });
        return y;
      },
      inputs);
}

const Tensor& numbers() {
  static const Tensor x = Tensor::from<double>({0.3, -1.2, 2});
  return x;
}
Tensor complex_numbers() { return complex(numbers(), scale(numbers(), -0.7)); }

TEST(GradientCheck, ARightBackwardPasses) {
  const auto report =
      check_square([](const auto& x, const auto& dy) { return scale(mul(dy, x), 2); }, numbers());
  EXPECT_TRUE(report.ok) << report.message;
  EXPECT_LT(report.worst, 1e-8);
  EXPECT_EQ(report.message, "");
}

TEST(GradientCheck, AWrongFactorIsFoundWithBothValues) {
  const auto report = check_square(
      [](const auto& x, const auto& dy) { return scale(mul(dy, x), 2.0001); }, numbers());
  EXPECT_FALSE(report.ok);
  EXPECT_GT(report.worst, 1e-6);
  EXPECT_THAT(report.message, AllOf(HasSubstr("[3] f64"), HasSubstr("backward gives"),
                                    HasSubstr("central differences give")));
}

// dy * 2 x instead of dy * 2 conj(x): right for real numbers only.
TEST(GradientCheck, AForgottenConjugateIsFound) {
  const auto backward = [](const auto& x, const auto& dy) { return scale(mul(dy, x), 2); };
  EXPECT_FALSE(check_square(backward, complex_numbers()).ok);
}

TEST(GradientCheck, OneWrongEntryIsFound) {
  const auto report = check_square(
      [](const auto& x, const auto& dy) {
        Tensor dx = scale(mul(dy, x), 2);
        dx.template mutable_data<double>()[1] += 1e-3;
        return dx;
      },
      numbers());
  EXPECT_THAT(report.message, HasSubstr("entry 1"));
}

TEST(GradientCheck, AnUnwrittenGradientIsFound) {
  const auto report = check_square(
      [](const auto& x, const auto&) { return Tensor(x.shape(), x.dtype()); }, numbers());
  EXPECT_FALSE(report.ok);
}

TEST(GradientCheck, AMissingRecordIsFound) {
  const Tensor inputs[] = {numbers()};
  const auto report =
      check_gradient([](Inputs x) { return add(x[0], mul(x[0], x[0].detach())); }, inputs);
  EXPECT_FALSE(report.ok);
}

TEST(GradientCheck, ABackwardThatWritesItsGradientIsFound) {
  const auto report = check_square(
      [](const auto& x, const auto& dy) {
        Tensor written = dy;
        Tensor dx = scale(mul(dy, x), 2);
        written.template mutable_data<double>()[0] = 5;
        return dx;
      },
      numbers());
  EXPECT_THAT(report.message, HasSubstr("wrote the gradient that it was given"));
}

// Past the versions that a tape compares, and where the output does not depend on it.
TEST(GradientCheck, AnOpThatWritesItsInputIsFound) {
  const Tensor inputs[] = {numbers()};
  const auto report = check_gradient(
      [&](Inputs x) {
        const_cast<double*>(x[0].data<double>())[2] += 1;
        return slice(x[0], 0, 0, 2);
      },
      inputs);
  EXPECT_THAT(report.message, HasSubstr("was written"));
}

TEST(GradientCheck, AFunctionWithAStateIsFound) {
  const Tensor inputs[] = {numbers()};
  double factor = 1;
  const auto report = check_gradient([&](Inputs x) { return scale(x[0], factor += 0.5); }, inputs);
  EXPECT_FALSE(report.ok);
}

TEST(GradientCheck, LeavesParametersAsTheyWere) {
  Parameter p(numbers().clone());
  p.accumulate(Tensor::full({3}, 9, DType::f64));
  const Parameter parameters[] = {p};
  EXPECT_TRUE(check_parameter_gradient([&] { return mul(p, p); }, parameters).ok);
  EXPECT_EQ(p.value().to_vector<double>(), numbers().to_vector<double>());
  EXPECT_EQ(p.gradient().to_vector<double>(), (std::vector<double>{9, 9, 9}));
}

TEST(GradientCheck, SinglePrecisionIsAnError) {
  const Tensor inputs[] = {Tensor::zeros({2})};
  EXPECT_THAT(error_of([&] { check_gradient([](Inputs x) { return relu(x[0]); }, inputs); }),
              AllOf(HasSubstr("[2] f32 is not f64 or c128"), HasSubstr("to()")));
}

}  // namespace
}  // namespace papilio
