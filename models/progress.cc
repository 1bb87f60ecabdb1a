#include "papilio/models/progress.h"

#include <unistd.h>

#include <cmath>
#include <cstdio>

#include "papilio/core/log.h"

namespace papilio::models {

Progress::Progress(double total, double done)
    : total_(total),
      first_(done),
      terminal_(isatty(STDERR_FILENO) == 1),
      start_(Clock::now()),
      last_(start_) {}

Progress::~Progress() { clear(); }

void Progress::update(double done, const std::string& text) {
  const auto now = Clock::now();
  if (now - last_ < std::chrono::milliseconds(terminal_ ? 200 : 10000)) return;
  last_ = now;
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  const double left = done > first_ ? elapsed * (total_ - done) / (done - first_) : 0;
  const std::string line = text + "  ETA " + clock_text(left);
  if (!terminal_) {
    logging::info(line);
    return;
  }
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
  shown_ = true;
}

void Progress::clear() {
  if (shown_) std::fputs("\r\033[K", stderr);
  shown_ = false;
}

std::string clock_text(double seconds) {
  const auto whole = std::llround(seconds);
  char text[32];
  if (whole >= 3600)
    std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60,
                  whole % 60);
  else
    std::snprintf(text, sizeof text, "%lld:%02lld", whole / 60, whole % 60);
  return text;
}

}  // namespace papilio::models
