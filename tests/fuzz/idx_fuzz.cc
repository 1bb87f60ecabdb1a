// Any pair of files is either refused with an Error or becomes images that are no bigger than the
// bytes allow. The input's first two bytes are the length of the images file; the labels file
// follows it.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "papilio/data/idx.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size < 2) return 0;
  const auto all = std::as_bytes(std::span(bytes, size)).subspan(2);
  const size_t length = std::min<size_t>(size_t{bytes[0]} << 8 | bytes[1], all.size());
  const int64_t pad = size < 4096 ? bytes[1] % 2 : 0;
  try {
    const auto set = papilio::data::parse_idx(all.first(length), all.subspan(length), "images",
                                              "labels", {.pad = pad});
    const auto shape = set.image_shape();
    const int64_t pixels = (shape[0] - 2 * pad) * (shape[1] - 2 * pad);
    if (set.size() * pixels > 1032 * static_cast<int64_t>(length)) std::abort();
    const auto example = set.get(set.size() - 1);
    if (example.label >= static_cast<int64_t>(set.info().classes.size())) std::abort();
    for (const float pixel : example.image.span<float>())
      if (!(pixel >= 0 && pixel <= 1)) std::abort();
  } catch (const papilio::Error&) {
  }
  return 0;
}
