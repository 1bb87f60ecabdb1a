// Any bytes are either refused with an Error or are whole records, whose pixels lie in [0, 1].
#include <cstdint>
#include <cstdlib>

#include "papilio/data/cifar10.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  for (const bool grayscale : {false, true}) {
    try {
      const auto set = papilio::data::parse_cifar10(std::as_bytes(std::span(bytes, size)), "fuzz",
                                                    {.grayscale = grayscale});
      if (set.size() * 3073 != static_cast<int64_t>(size)) std::abort();
      const auto example = set.get(set.size() - 1);
      if (example.label < 0 || example.label > 9) std::abort();
      for (const float pixel : example.image.span<float>())
        if (!(pixel >= 0 && pixel <= 1)) std::abort();
    } catch (const papilio::Error&) {
      if (size == 3073 && bytes[0] < 10) std::abort();
    }
  }
  return 0;
}
