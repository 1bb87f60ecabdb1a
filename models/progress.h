// The progress line of long work: rewritten in place on a terminal, a plain log line now and then
// elsewhere.
#pragma once

#include <chrono>
#include <string>

namespace papilio::models {

class Progress {
 public:
  /// `total` units of work, of which `done` were done before.
  Progress(double total, double done);
  ~Progress();

  /// Shows `text` and the time that is left, at most every 0.2 s on a terminal and every 10 s
  /// elsewhere.
  void update(double done, const std::string& text);
  /// Removes the line, so that other output can follow.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  double total_, first_;
  bool terminal_, shown_ = false;
  Clock::time_point start_, last_;
};

/// "1:02:03" or "4:05".
std::string clock_text(double seconds);

}  // namespace papilio::models
