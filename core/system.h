// What this process runs on, for the first lines of every program and for reports.
#pragma once

#include <string>

namespace papilio {

struct SystemInfo {
  std::string version;  ///< of Papilio
  std::string cpu;      ///< the processor's name, as the system gives it
  std::string simd;     ///< target that our own kernels run on; PAPILIO_SIMD forces one
  std::string blas;     ///< the dense libraries and their versions
  int threads;
  bool optimised;  ///< built with optimisation
};
SystemInfo system_info();

}  // namespace papilio
