#include "papilio/models/interrupt.h"

#include <signal.h>  // NOLINT: sigaction() is not in <csignal>

#include <array>
#include <atomic>

namespace papilio::models {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM};

std::atomic<bool> flag{false};
std::array<struct sigaction, kSignals.size()> previous;
std::atomic<int> alive{0};

}  // namespace

Interrupt::Interrupt() {
  if (alive++ > 0) return;
  flag = false;
  struct sigaction action {};
  action.sa_handler = [](int) { flag = true; };
  action.sa_flags =
      static_cast<int>(SA_RESETHAND | SA_RESTART);  // the second signal finds the default: the end
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &action, &previous[i]);
}

Interrupt::~Interrupt() {
  if (--alive > 0) return;
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &previous[i], nullptr);
}

bool Interrupt::requested() { return flag; }

void Interrupt::watch() {
  if (flag) throw Interrupted("interrupted");
}

}  // namespace papilio::models
