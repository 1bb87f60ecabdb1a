// Ctrl-C that saves and stops.
#pragma once

namespace papilio::models {

/// While it lives, SIGINT and SIGTERM set a flag instead of ending the process; a second one ends
/// it at once. The handlers that were there come back afterwards.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  /// True once a signal has come.
  static bool requested();
};

}  // namespace papilio::models
