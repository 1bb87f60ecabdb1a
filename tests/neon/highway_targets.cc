// Stands for Highway's library: what the kernels need of it beside its headers.
#include "papilio/core/kernels/highway-inl.h"

namespace hwy {

// The answer of Highway 1.0 on an Arm CPU without AES instructions, such as the Raspberry Pi 4's:
// NEON is missing from it. The kernels have to run there too.
int64_t SupportedTargets() { return HWY_SCALAR | HWY_EMU128; }

ChosenTarget& GetChosenTarget() {
  static ChosenTarget chosen;
  return chosen;
}

}  // namespace hwy
