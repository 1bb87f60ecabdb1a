#include "papilio/core/system.h"

#include <cblas.h>
#include <dnnl.h>

#include <fstream>

#include "papilio/core/error.h"
#include "papilio/core/kernels/simd.h"
#include "papilio/core/threads.h"

namespace papilio {
namespace {

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

}  // namespace

SystemInfo system_info() {
  const dnnl_version_t* dnnl = dnnl_version();
  const std::string openblas = openblas_get_config();
  return {.version = PAPILIO_VERSION,
          .cpu = cpu_name(),
          .simd = std::string(kernels::simd_target()),
          .blas = concat("oneDNN ", dnnl->major, ".", dnnl->minor, ".", dnnl->patch, " + ",
                         openblas.substr(0, openblas.find(' ', openblas.find(' ') + 1)), " ",
                         openblas_get_corename()),
          .threads = threads(),
#ifdef __OPTIMIZE__
          .optimised = true
#else
          .optimised = false
#endif
  };
}

}  // namespace papilio
