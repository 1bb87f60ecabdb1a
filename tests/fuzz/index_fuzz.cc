// Any text is either refused with an Error or is what write_index() writes for the listing that it
// is read as.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "papilio/core/error.h"
#include "papilio/data/folder_index.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  try {
    int64_t scanned = 0;
    const auto listing = papilio::data::parse_index(text, "fuzz", scanned);
    if (papilio::data::write_index(listing, scanned) != text) std::abort();
    for (int64_t i = 0; i < listing.size(); ++i)
      if (listing.file(i).empty() || i >= listing.end_of(listing.label(i))) std::abort();
  } catch (const papilio::Error&) {
  }
  return 0;
}
