#include "papilio/layers/root_of_unity.h"

#include <array>
#include <cmath>
#include <numbers>

namespace papilio {

std::complex<double> root_of_unity(int64_t k, int64_t n) {
  k = (k % n + n) % n;
  // An angle of at most pi/4 within a quarter turn, so that sine and cosine are exact where they
  // meet an axis or a diagonal.
  const int64_t quarter = 4 * k / n, rest = 4 * k - quarter * n;
  const bool swap = 2 * rest > n;
  const double angle =
      std::numbers::pi / 2 * static_cast<double>(swap ? n - rest : rest) / static_cast<double>(n);
  const double low = 2 * rest == n ? std::sqrt(0.5) : std::sin(angle),
               high = 2 * rest == n ? std::sqrt(0.5) : std::cos(angle);
  const double c = swap ? low : high, s = swap ? high : low;
  const std::array<std::complex<double>, 4> turned{{{c, s}, {-s, c}, {-c, -s}, {s, -c}}};
  return turned[static_cast<size_t>(quarter)];
}

}  // namespace papilio
