// Any text is either refused with an Error or becomes square images with pixels in [0, 1], one for
// each of its lines at most.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "papilio/data/amat.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  try {
    const auto set = papilio::data::parse_amat(text, "fuzz");
    if (set.size() > 1 + std::count(text.begin(), text.end(), '\n')) std::abort();
    const auto example = set.get(set.size() - 1);
    if (example.label >= static_cast<int64_t>(set.info().classes.size())) std::abort();
    for (const float pixel : example.image.span<float>())
      if (!(pixel >= 0 && pixel <= 1)) std::abort();
  } catch (const papilio::Error&) {
  }
  return 0;
}
