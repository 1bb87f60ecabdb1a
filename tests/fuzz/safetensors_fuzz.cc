// Any bytes are either refused with an Error or become tensors that are no bigger than the file
// allows.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "papilio/core/safetensors.h"

namespace {

void read(std::span<const std::byte> bytes) {
  papilio::Safetensors file;
  try {
    file = papilio::parse_safetensors(bytes, "fuzz");
  } catch (const papilio::Error&) {
    return;
  }
  int64_t total = 0;
  for (const auto& [name, tensor] : file.tensors) {
    total += tensor.bytes();
    if (file.find(name) != &tensor) std::abort();
  }
  // F16 becomes twice as wide.
  if (total > 2 * static_cast<int64_t>(bytes.size())) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  read(std::as_bytes(std::span(bytes, size)));

  // Once more as a header up to the first zero, and data after it, under the right length: what a
  // mutation of the plain file seldom hits.
  const uint64_t length = static_cast<uint64_t>(std::find(bytes, bytes + size, 0) - bytes);
  std::vector<std::byte> file(sizeof length + size);
  std::memcpy(file.data(), &length, sizeof length);
  if (size > 0) std::memcpy(file.data() + sizeof length, bytes, size);
  read(file);
  return 0;
}
