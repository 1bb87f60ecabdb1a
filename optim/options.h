// The ranges that options are held to. For optim/*.cc only.
#pragma once

#include <cmath>
#include <string_view>

#include "papilio/core/error.h"

namespace papilio::optim {

inline void check_positive(std::string_view what, std::string_view option, double value) {
  check(std::isfinite(value) && value > 0, what, ": ", option, " = ", value,
        ", it must be finite and > 0");
}
inline void check_not_negative(std::string_view what, std::string_view option, double value) {
  check(std::isfinite(value) && value >= 0, what, ": ", option, " = ", value,
        ", it must be finite and >= 0");
}
/// Of a running average.
inline void check_decay(std::string_view what, std::string_view option, double value) {
  check(value >= 0 && value < 1, what, ": ", option, " = ", value, ", it must be in [0, 1)");
}

}  // namespace papilio::optim
