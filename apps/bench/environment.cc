#include "papilio/apps/bench/environment.h"

#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "papilio/core/error.h"
#include "papilio/core/log.h"

namespace papilio::bench {
namespace {

std::vector<std::string> library_settings() {
  std::vector<std::string> names;
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string_view setting = *entry;
    for (const char* prefix : {"OPENBLAS_", "GOTO_", "ONEDNN_", "DNNL_"})
      if (setting.starts_with(prefix)) names.emplace_back(setting.substr(0, setting.find('=')));
  }
  return names;
}

}  // namespace

void discard_library_settings(char** argv) {
  const std::vector<std::string> names = library_settings();
  if (names.empty()) return;
  std::string all;
  for (const std::string& name : names) {
    all += (all.empty() ? "" : ", ") + name;
    check(unsetenv(name.c_str()) == 0, "could not unset ", name);
  }
  logging::info(concat("starts anew without ", all,
                       ": dense libraries are measured as they choose to run on this machine"));
  execv("/proc/self/exe", argv);
  fail("could not start this program anew; unset ", all);
}

}  // namespace papilio::bench
