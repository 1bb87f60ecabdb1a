// What a test sees of an error.
#pragma once

#include <string>

#include "papilio/core/error.h"

namespace papilio {

/// The message of the Error that `body` throws, with its layer path; "no error" when it throws
/// none.
template <class Body>
std::string error_of(Body body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace papilio
