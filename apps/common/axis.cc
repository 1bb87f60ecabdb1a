#include "papilio/apps/common/axis.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>

#include "papilio/core/error.h"

namespace papilio::apps {
namespace {

constexpr double kLargest = 1e300;  // so that differences stay finite
constexpr double kMargin = 0.04;    // of the range, on each side

void check_range(double low, double high, int most) {
  check(low <= high && -kLargest <= low && high <= kLargest, "axis: no range from ", low, " to ",
        high);
  check(most >= 2, "axis: room for ", most, " ticks, 2 are needed");
}

// Of the ticks at multiples of `step`; a hair of tolerance for ends that are meant to be ticks.
int64_t first_tick(double low, double step) {
  return static_cast<int64_t>(std::ceil(low / step - 1e-6));
}
int64_t last_tick(double high, double step) {
  return static_cast<int64_t>(std::floor(high / step + 1e-6));
}

// 1, 2 or 5 times a power of ten: the smallest with no more than `most` ticks, unless only a
// smaller one has two.
double round_step(double low, double high, int most, double least = 0) {
  const int power = static_cast<int>(std::floor(std::log10((high - low) / most))) - 1;
  double before = 0;
  for (int i = 0;; ++i) {
    static constexpr double kDigits[] = {1, 2, 5};
    const double step = kDigits[i % 3] * std::pow(10, power + i / 3);
    if (step < least) continue;
    const int64_t count = last_tick(high, step) - first_tick(low, step) + 1;
    if (count <= most) return count < 2 && before > 0 ? before : step;
    before = step;
  }
}

// With as many digits as tell neighbours apart; `largest` is the largest size on the axis.
std::string label(double value, double step, double largest) {
  const bool exponent = largest >= 1e6 || step < 1e-5;
  if (exponent && value == 0) return "0";
  const double first = exponent ? std::floor(std::log10(std::abs(value))) : 0;
  const double digits = first - std::floor(std::log10(step) + 1e-9);
  char text[64];
  std::snprintf(text, sizeof text, exponent ? "%.*e" : "%.*f",
                static_cast<int>(std::clamp(digits, 0.0, 15.0)), value);
  return text;
}

std::vector<Tick> even_ticks(double low, double high, double step) {
  std::vector<Tick> ticks;
  const int64_t last = last_tick(high, step);
  for (int64_t i = first_tick(low, step); i <= last; ++i) {
    const double value = std::clamp(static_cast<double>(i) * step, low, high);
    ticks.push_back({value, label(value, step, std::max(std::abs(low), std::abs(high)))});
  }
  return ticks;
}

// Values that are equal, or to a double nearly so, get a range around them.
void widen(double& low, double& high) {
  const double size = std::max(std::abs(low), std::abs(high));
  if (high - low > 1e-9 * size && high - low > 1e-290) return;
  const double half = size > 1e-280 ? 0.1 * size : 0.5;
  low -= half;
  high += half;
}

// Powers of ten times each of the digits, every `stride`-th power.
std::vector<Tick> decade_ticks(const Axis& axis, const std::vector<int>& digits, int stride) {
  std::vector<Tick> ticks;
  for (int power = static_cast<int>(std::floor(std::log10(axis.low)));
       power <= std::log10(axis.high) + 1; ++power)
    for (const int digit : digits) {
      // Through text: no power of ten is off by its last bit.
      const double value = std::strtod(concat(digit, "e", power).c_str(), nullptr);
      if (power % stride == 0 && axis.low <= value && value <= axis.high)
        ticks.push_back({value, text(value)});
    }
  return ticks;
}

}  // namespace

double Axis::position(double value) const {
  if (logarithmic) return (std::log(value) - std::log(low)) / (std::log(high) - std::log(low));
  return (value - low) / (high - low);
}

Axis linear_axis(double low, double high, int most) {
  check_range(low, high, most);
  widen(low, high);
  const double margin = kMargin * (high - low);
  Axis axis = {low - margin, high + margin};
  axis.ticks = even_ticks(axis.low, axis.high, round_step(axis.low, axis.high, most));
  return axis;
}

Axis integer_axis(double low, double high, int most) {
  check_range(low, high, most);
  if (high - low < 1) {
    low -= 1;
    high += 1;
  }
  return {.low = low, .high = high, .ticks = even_ticks(low, high, round_step(low, high, most, 1))};
}

Axis logarithmic_axis(double low, double high, int most) {
  check(low > 1e-300, "axis: a logarithmic one takes positive values, ", low, " is none");
  check_range(low, high, most);
  // Differences of logarithms: a quotient could overflow.
  const double range = std::max(std::log10(high) - std::log10(low), 0.1);
  const double margin = std::pow(10, kMargin * range);
  Axis axis = {.low = std::max(low / margin, 1e-300),
               .high = std::min(high * margin, 1e300),
               .logarithmic = true};
  const int decades = static_cast<int>(range);
  if (decades >= 2) {
    axis.ticks = decade_ticks(axis, {1}, 1 + decades / most);
  } else {
    axis.ticks = decade_ticks(axis, {1, 2, 5}, 1);
    if (axis.ticks.size() < 3)
      axis.ticks = even_ticks(axis.low, axis.high, round_step(axis.low, axis.high, most));
  }
  return axis;
}

}  // namespace papilio::apps
