#include "papilio/core/error.h"

#include <charconv>

namespace papilio {

std::string text(double value) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return {digits, end};
}

}  // namespace papilio
