#include "papilio/core/kernels/simd.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

#include "papilio/core/kernels/highway-inl.h"

namespace papilio::kernels {
namespace {

struct Target {
  int64_t bit;
  const char* name;
};
constexpr Target kTargets[] = {
    {HWY_AVX3, "avx512"}, {HWY_AVX2, "avx2"},     {HWY_SSE4, "sse4"},
    {HWY_NEON, "neon"},   {HWY_EMU128, "scalar"}, {HWY_SCALAR, "scalar"},
};

std::atomic<const Target*> current{nullptr};

std::vector<const Target*> available() {
  // The compiler's baseline is always there, also where Highway leaves it out: Highway asks for AES
  // instructions before it says NEON.
  const int64_t supported = hwy::SupportedTargets() | HWY_STATIC_TARGET;
  std::vector<const Target*> found;
  for (const Target& target : kTargets)
    if (target.bit & HWY_TARGETS & supported) found.push_back(&target);
  return found;
}

void choose(std::string_view name, const std::string& asked_by) {
  std::string valid;
  for (const Target* target : available()) {
    if (name.empty() || name == target->name) {
      hwy::GetChosenTarget().Update(target->bit);
      current = target;
      return;
    }
    valid += (valid.empty() ? "" : ", ") + std::string(target->name);
  }
  throw std::invalid_argument(asked_by + ": there is no SIMD target \"" + std::string(name) +
                              "\" on this machine; the valid names are: " + valid);
}

}  // namespace

std::string_view simd_target() {
  ensure_simd_target();
  return current.load()->name;
}

std::vector<std::string> simd_targets() {
  std::vector<std::string> names;
  for (const Target* target : available()) names.push_back(target->name);
  return names;
}

void set_simd_target(std::string_view name) { choose(name, "set_simd_target"); }

void ensure_simd_target() {
  if (current.load(std::memory_order_relaxed)) return;
  const char* wanted = std::getenv("PAPILIO_SIMD");
  choose(wanted ? wanted : "", "PAPILIO_SIMD");
}

}  // namespace papilio::kernels
