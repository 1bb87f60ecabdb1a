// L-BFGS with a strong Wolfe line search, for smooth problems whose value and gradient are exact:
// it ends at machine precision where stochastic methods would need a vanishing rate.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <span>
#include <vector>

namespace papilio::optim {

/// The value at x; fills the gradient, which has the size of x.
using Objective = std::function<double(std::span<const double> x, std::span<double> gradient)>;

struct LbfgsOptions {
  int64_t history = 20;           ///< pairs of steps and gradient changes that are kept
  double decrease = 1e-4;         ///< c1 of the Wolfe conditions
  double curvature = 0.9;         ///< c2
  int64_t line_evaluations = 20;  ///< of one line search, at most
};

/// Liu and Nocedal 1989; the line search is algorithms 3.5 and 3.6 of Nocedal and Wright,
/// "Numerical Optimization", with cubic interpolation.
class Lbfgs {
 public:
  /// Evaluates the objective at x. Throws Error when x is empty, or its value or gradient there is
  /// not finite.
  Lbfgs(Objective objective, std::vector<double> x, const LbfgsOptions& options = {});

  /// One line search. False when it found no lower value, not even along the gradient: x is as good
  /// as rounding allows, and stays as it was.
  bool step();
  /// Steps until the value is at most `target`, the largest component of the gradient at most
  /// `gradient`, `evaluations` more evaluations are spent, or step() fails. Returns value().
  double minimize(int64_t evaluations, double target = -std::numeric_limits<double>::infinity(),
                  double gradient = 0);

  const std::vector<double>& x() const { return x_; }
  double value() const { return value_; }
  const std::vector<double>& gradient() const { return gradient_; }
  int64_t evaluations() const { return evaluations_; }

 private:
  struct Pair {
    std::vector<double> step, change;
    double inverse_curvature;  // 1 / (step . change)
  };
  struct Trial {  // a point on the line
    double length = 0, value = 0, slope = 0;
  };

  void set_direction();
  Trial evaluate(double length);
  bool search(double first_length);
  bool zoom(const Trial& start, Trial low, Trial high, int64_t evaluations_left);
  void accept();

  Objective objective_;
  LbfgsOptions options_;
  std::vector<double> x_, gradient_, direction_, next_x_, next_gradient_;
  double value_;
  double next_value_ = 0;  // of next_x_
  int64_t evaluations_ = 0;
  std::deque<Pair> pairs_;
};

}  // namespace papilio::optim
