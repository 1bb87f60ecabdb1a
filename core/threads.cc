#include "papilio/core/threads.h"

#include <algorithm>
#include <exception>
#include <mutex>

#ifdef _OPENMP
#include <omp.h>
#endif
#include <cblas.h>

#include "papilio/core/error.h"

namespace papilio {
namespace {

// OpenBLAS may have a thread pool of its own that fights with OpenMP's: it is kept at one thread.
const bool blas_is_serial = [] {
  openblas_set_num_threads(1);
  return true;
}();

}  // namespace

int threads() {
  (void)blas_is_serial;
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

void set_threads(int count) {
  check(count >= 1, "threads: ", count, " given, at least 1 is needed");
#ifdef _OPENMP
  omp_set_num_threads(count);
#endif
}

void parallel_for(int64_t count, const std::function<void(int64_t, int64_t)>& body, int64_t grain) {
  if (count <= 0) return;
#ifdef _OPENMP
  const int64_t useful = (count + grain - 1) / std::max<int64_t>(grain, 1);
  const int64_t workers = std::min<int64_t>(useful, threads());
  if (workers > 1 && !omp_in_parallel()) {
    std::exception_ptr first;
    std::mutex mutex;
#pragma omp parallel for schedule(static, 1) num_threads(static_cast<int>(workers))
    for (int64_t worker = 0; worker < workers; ++worker) {
      try {
        body(count * worker / workers, count * (worker + 1) / workers);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!first) first = std::current_exception();
      }
    }
    if (first) std::rethrow_exception(first);
    return;
  }
#else
  (void)grain;
#endif
  body(0, count);
}

}  // namespace papilio
