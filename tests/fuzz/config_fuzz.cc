// Any text is either refused with an Error or reads back as what it dumps to.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "papilio/core/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  papilio::Config config;
  try {
    config = papilio::Config::parse({reinterpret_cast<const char*>(bytes), size});
  } catch (const papilio::Error&) {
    return 0;
  }
  for (int indent : {0, 2})
    if (!(papilio::Config::parse(config.dump(indent)) == config)) std::abort();
  return 0;
}
