// Ctrl-C that saves and stops.
#pragma once

#include "papilio/core/error.h"

namespace papilio::models {

/// Thrown by Interrupt::watch().
class Interrupted : public Error {
 public:
  using Error::Error;
};

/// While it lives, SIGINT and SIGTERM set a flag instead of ending the process; a second one ends
/// it at once. The handlers that were there come back afterwards. One that is made while another
/// lives changes nothing.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  /// True once a signal has come.
  static bool requested();
  /// Throws Interrupted once a signal has come: for work that has no result before its end.
  static void watch();
};

}  // namespace papilio::models
