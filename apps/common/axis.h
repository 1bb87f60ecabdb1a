// Axis: the range of a figure's axis, its ticks at round numbers, and where a value lies on it.
#pragma once

#include <string>
#include <vector>

namespace papilio::apps {

struct Tick {
  double value = 0;
  std::string label;
};

struct Axis {
  double low = 0, high = 1;  ///< the values at its two ends, low < high
  bool logarithmic = false;
  std::vector<Tick> ticks = {};  ///< rising, all within the range

  /// 0 at `low`, 1 at `high`. A logarithmic axis takes positive values only.
  double position(double value) const;
};

/// An axis for values in [low, high] with a small margin on both sides, and up to `most` ticks (a
/// few more where these were less than two), 1, 2 or 5 times a power of ten apart. Equal values get
/// an axis around them. Throws
/// Error unless low <= high and both are within +-1e300, and when `most` < 2.
Axis linear_axis(double low, double high, int most);
/// The same without a margin and with ticks at integers only; for epochs and indices.
Axis integer_axis(double low, double high, int most);
/// A logarithmic axis: ticks at powers of ten, at 1, 2 and 5 times those over a few decades, and
/// evenly spaced as on a linear axis within less. Throws Error as linear_axis() and
/// unless low > 1e-300.
Axis logarithmic_axis(double low, double high, int most);

}  // namespace papilio::apps
