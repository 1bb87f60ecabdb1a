// What a Parameter handle points to. For parameter.cc and tape.cc only.
#pragma once

#include <string>

#include "papilio/core/parameter.h"

namespace papilio::detail {

struct ParameterState {
  Tensor value, gradient;
  ParameterHints hints;
  std::string name;
  Place place;
  bool frozen = false;
  bool listed = false;
};

}  // namespace papilio::detail
