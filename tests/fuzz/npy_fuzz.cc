// Any file is either refused with an Error or becomes an array that is no bigger than the bytes
// allow.
#include <cstdint>
#include <cstdlib>

#include "papilio/core/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  try {
    const auto tensor = papilio::parse_npy(std::as_bytes(std::span(bytes, size)), "file");
    if (tensor.numel() < 1 || tensor.numel() > static_cast<int64_t>(size)) std::abort();
    if (tensor.bytes() > 8 * static_cast<int64_t>(size)) std::abort();
  } catch (const papilio::Error&) {
  }
  return 0;
}
