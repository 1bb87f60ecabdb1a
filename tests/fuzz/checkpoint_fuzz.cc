// Any bytes are either refused with an Error or become tensors, and a model, that are no bigger
// than the file allows. An input is a header as text up to the first zero and data after it, as
// most mutations of a file that begins with a length are refused for the length.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "papilio/models/checkpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const uint64_t length = static_cast<uint64_t>(std::find(bytes, bytes + size, 0) - bytes);
  std::vector<std::byte> file(sizeof length + size);
  std::memcpy(file.data(), &length, sizeof length);
  if (size > 0) std::memcpy(file.data() + sizeof length, bytes, size);
  papilio::models::Checkpoint checkpoint;
  try {
    checkpoint = papilio::models::parse_checkpoint(file, "fuzz");
  } catch (const papilio::Error&) {
    return 0;
  }
  int64_t total = 0;
  size_t frozen = 0;
  for (const auto* tensors : {&checkpoint.tensors, &checkpoint.state})
    for (const auto& [name, tensor] : *tensors) {
      total += tensor.bytes();
      frozen += static_cast<size_t>(std::ranges::count(checkpoint.frozen, name));
    }
  // F16 becomes twice as wide, a frozen twiddle less than twice as long.
  if (total > 4 * static_cast<int64_t>(file.size()) || frozen < checkpoint.frozen.size())
    std::abort();
  try {
    papilio::models::rebuild(checkpoint, "fuzz");
  } catch (const papilio::Error&) {  // of another model, or none
  }
  return 0;
}
