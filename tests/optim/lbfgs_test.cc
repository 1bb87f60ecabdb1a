#include "papilio/optim/lbfgs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "papilio/core/error.h"

namespace papilio::optim {
namespace {

using Vector = std::vector<double>;

// sum 100 (x[i+1] - x[i]^2)^2 + (1 - x[i])^2, whose minimum is 0 at all ones.
double rosenbrock(std::span<const double> x, std::span<double> gradient) {
  double value = 0;
  std::fill(gradient.begin(), gradient.end(), 0);
  for (size_t i = 0; i + 1 < x.size(); ++i) {
    const double a = x[i + 1] - x[i] * x[i], b = 1 - x[i];
    value += 100 * a * a + b * b;
    gradient[i] += -400 * a * x[i] - 2 * b;
    gradient[i + 1] += 200 * a;
  }
  return value;
}

TEST(Lbfgs, EndsAtTheMinimumOfRosenbrocksFunction) {
  for (const size_t size : {2u, 10u, 100u}) {
    Vector start(size, -1.2);
    for (size_t i = 1; i < size; i += 2) start[i] = 1;
    Lbfgs lbfgs(rosenbrock, start);
    EXPECT_LE(lbfgs.minimize(2000), 1e-25) << size;
    for (const double v : lbfgs.x()) EXPECT_NEAR(v, 1, 1e-11);
  }
}

// Eigenvalues from 1 to 1000.
TEST(Lbfgs, MinimisesAnIllConditionedQuadraticFunction) {
  const size_t size = 50;
  const auto quadratic = [&](std::span<const double> x, std::span<double> gradient) {
    double value = 0;
    for (size_t i = 0; i < size; ++i) {
      const double weight = std::pow(10, 3.0 * static_cast<double>(i) / (size - 1));
      const double e = x[i] - static_cast<double>(i);
      value += 0.5 * weight * e * e;
      gradient[i] = weight * e;
    }
    return value;
  };
  Lbfgs lbfgs(quadratic, Vector(size, 0));
  lbfgs.minimize(1000, 1e-20);
  EXPECT_LE(lbfgs.value(), 1e-20);
  for (size_t i = 0; i < size; ++i) EXPECT_NEAR(lbfgs.x()[i], static_cast<double>(i), 1e-8);
}

TEST(Lbfgs, EveryStepIsLower) {
  Lbfgs lbfgs(rosenbrock, {-1.2, 1, -1.2, 1});
  for (double value = lbfgs.value(); lbfgs.step(); value = lbfgs.value())
    EXPECT_LT(lbfgs.value(), value);
  EXPECT_LT(lbfgs.value(), 1e-20);
}

TEST(Lbfgs, BacksOutOfWhereTheObjectiveIsNotFinite) {
  // x - log x beyond 0, minimum at 1; steps below 0 give NaN.
  const auto barrier = [](std::span<const double> x, std::span<double> gradient) {
    gradient[0] = 1 - 1 / x[0];
    return x[0] - std::log(x[0]);
  };
  Lbfgs lbfgs(barrier, {50});
  lbfgs.minimize(200);
  EXPECT_NEAR(lbfgs.x()[0], 1, 1e-7);
}

TEST(Lbfgs, StopsAtTheTargetAndTheBudget) {
  Lbfgs reached(rosenbrock, {-1.2, 1});
  reached.minimize(1000, 1.0);
  EXPECT_LE(reached.value(), 1);
  EXPECT_GT(reached.value(), 1e-3);
  Lbfgs spent(rosenbrock, Vector(100, -1.2));
  spent.minimize(10);
  EXPECT_LE(spent.evaluations(), 11 + 2 * LbfgsOptions().line_evaluations);
  EXPECT_FALSE(Lbfgs(rosenbrock, {1, 1}).step());
}

TEST(Lbfgs, RefusesABadStart) {
  EXPECT_THROW(Lbfgs(rosenbrock, {}), Error);
  EXPECT_THROW(Lbfgs(rosenbrock, {std::nan(""), 1}), Error);
  EXPECT_THROW(Lbfgs(rosenbrock, {1, 1}, {.history = 0}), Error);
}

}  // namespace
}  // namespace papilio::optim
