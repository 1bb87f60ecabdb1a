// What a Parameter handle points to. For parameter.cc and tape.cc only.
#pragma once

#include "papilio/core/parameter.h"

namespace papilio::detail {

struct ParameterState {
  Tensor value, gradient;
  ParameterHints hints;
  Place place;
  bool frozen = false;
  bool listed = false;
};

}  // namespace papilio::detail
