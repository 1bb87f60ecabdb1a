#include "papilio/optim/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "papilio/core/error.h"

namespace papilio::optim {
namespace {

using Vector = std::vector<double>;

// Eight sums that don't wait for each other.
double dot(const Vector& a, const Vector& b) {
  double sums[8] = {};
  size_t i = 0;
  for (; i + 8 <= a.size(); i += 8)
    for (size_t j = 0; j < 8; ++j) sums[j] += a[i + j] * b[i + j];
  for (; i < a.size(); ++i) sums[0] += a[i] * b[i];
  double sum = 0;
  for (const double part : sums) sum += part;
  return sum;
}

void add(double factor, const Vector& x, Vector& y) {
  for (size_t i = 0; i < y.size(); ++i) y[i] += factor * x[i];
}

double largest(const Vector& x) {
  double largest = 0;
  for (const double v : x) largest = std::max(largest, std::abs(v));
  return largest;
}

// Where the cubic through both values and slopes is least, kept away from the ends of the interval
// by a tenth of it; the middle when there is no such cubic.
double least_of_cubic(double a, double value_a, double slope_a, double b, double value_b,
                      double slope_b) {
  const double middle = 0.5 * (a + b);
  const double d = slope_a + slope_b - 3 * (value_a - value_b) / (a - b);
  const double square = d * d - slope_a * slope_b;
  if (!(square >= 0)) return middle;
  const double root = std::copysign(std::sqrt(square), b - a);
  const double least = b - (b - a) * (slope_b + root - d) / (slope_b - slope_a + 2 * root);
  const double margin = 0.1 * std::abs(b - a);
  if (!std::isfinite(least)) return middle;
  return std::clamp(least, std::min(a, b) + margin, std::max(a, b) - margin);
}

}  // namespace

Lbfgs::Lbfgs(Objective objective, std::vector<double> x, const LbfgsOptions& options)
    : objective_(std::move(objective)),
      options_(options),
      x_(std::move(x)),
      gradient_(x_.size()),
      direction_(x_.size()),
      next_x_(x_.size()),
      next_gradient_(x_.size()) {
  check(!x_.empty(), "lbfgs: nothing to minimise: x is empty");
  check(options.history >= 1 && options.line_evaluations >= 1 && options.decrease > 0 &&
            options.decrease < options.curvature && options.curvature < 1,
        "lbfgs: needs history >= 1, line_evaluations >= 1 and 0 < decrease < curvature < 1");
  value_ = objective_(x_, gradient_);
  ++evaluations_;
  check(std::isfinite(value_) && std::isfinite(dot(gradient_, gradient_)),
        "lbfgs: the objective or its gradient is not finite at the start");
}

// Minus the inverse Hessian, as the pairs know it, times the gradient: two loops over the pairs.
void Lbfgs::set_direction() {
  direction_ = gradient_;
  Vector shares;
  for (auto pair = pairs_.rbegin(); pair != pairs_.rend(); ++pair) {
    shares.push_back(pair->inverse_curvature * dot(pair->step, direction_));
    add(-shares.back(), pair->change, direction_);
  }
  double scale = -1;
  if (!pairs_.empty()) {
    const Pair& last = pairs_.back();
    scale = -1 / (last.inverse_curvature * dot(last.change, last.change));
  }
  for (double& v : direction_) v *= scale;
  for (const Pair& pair : pairs_) {
    const double back = pair.inverse_curvature * dot(pair.change, direction_);
    add(-shares.back() - back, pair.step, direction_);
    shares.pop_back();
  }
}

Lbfgs::Trial Lbfgs::evaluate(double length) {
  for (size_t i = 0; i < x_.size(); ++i) next_x_[i] = x_[i] + length * direction_[i];
  next_value_ = objective_(next_x_, next_gradient_);
  ++evaluations_;
  const double slope = dot(next_gradient_, direction_);
  if (!std::isfinite(next_value_) || !std::isfinite(slope))
    return {length, std::numeric_limits<double>::infinity(), 0};
  return {length, next_value_, slope};
}

// Algorithm 3.5: lengthens the step until the minimum along the line lies behind.
bool Lbfgs::search(double first_length) {
  const Trial start = {0, value_, dot(gradient_, direction_)};
  if (!(start.slope < 0)) return false;
  Trial before = start;
  double length = first_length;
  for (int64_t i = 0; i < options_.line_evaluations; ++i) {
    const Trial now = evaluate(length);
    const int64_t left = options_.line_evaluations - i - 1;
    if (now.value > start.value + options_.decrease * length * start.slope ||
        (i > 0 && now.value >= before.value))
      return zoom(start, before, now, left);
    if (std::abs(now.slope) <= -options_.curvature * start.slope) return true;
    if (now.slope >= 0) return zoom(start, now, before, left);
    before = now;
    length *= 2;
  }
  return next_value_ < start.value;
}

// Algorithm 3.6: the interval holds a point that satisfies both conditions; `low` is its better
// end. When evaluations run out, a lower value has to do.
bool Lbfgs::zoom(const Trial& start, Trial low, Trial high, int64_t evaluations_left) {
  for (; evaluations_left > 0; --evaluations_left) {
    const double length =
        std::isfinite(high.value)
            ? least_of_cubic(low.length, low.value, low.slope, high.length, high.value, high.slope)
            : 0.9 * low.length + 0.1 * high.length;
    const Trial now = evaluate(length);
    if (now.value > start.value + options_.decrease * length * start.slope ||
        now.value >= low.value) {
      high = now;
    } else {
      if (std::abs(now.slope) <= -options_.curvature * start.slope) return true;
      if (now.slope * (high.length - low.length) >= 0) high = low;
      low = now;
    }
  }
  if (!(low.value < start.value)) return false;
  evaluate(low.length);
  return true;
}

// Moves to next_x_, and keeps the pair when the curvature along it is positive.
void Lbfgs::accept() {
  Pair pair{next_x_, next_gradient_, 0};
  add(-1, x_, pair.step);
  add(-1, gradient_, pair.change);
  const double curvature = dot(pair.step, pair.change);
  if (curvature > std::numeric_limits<double>::min()) {
    pair.inverse_curvature = 1 / curvature;
    pairs_.push_back(std::move(pair));
    if (std::ssize(pairs_) > options_.history) pairs_.pop_front();
  }
  std::swap(x_, next_x_);
  std::swap(gradient_, next_gradient_);
  value_ = next_value_;
}

bool Lbfgs::step() {
  for (int attempt = 0; attempt < 2; ++attempt) {
    const double steepest = largest(gradient_);
    if (steepest == 0) return false;
    set_direction();
    if (search(pairs_.empty() ? std::min(1.0, 0.1 / steepest) : 1)) {
      accept();
      return true;
    }
    if (pairs_.empty()) return false;
    pairs_.clear();  // once more, along the gradient
  }
  return false;
}

double Lbfgs::minimize(int64_t evaluations, double target, double gradient) {
  const int64_t last = evaluations_ + evaluations;
  while (evaluations_ < last && value_ > target && largest(gradient_) > gradient && step()) {
  }
  return value_;
}

}  // namespace papilio::optim
