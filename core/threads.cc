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

int64_t detail::workers_for(int64_t count, int64_t grain) {
  if (count <= 0) return 0;
#ifdef _OPENMP
  const int64_t useful = count / std::max<int64_t>(grain, 1);
  if (useful > 1 && !omp_in_parallel()) return std::min<int64_t>(useful, threads());
#else
  (void)grain;
#endif
  return 1;
}

void detail::run_ranges(int64_t count, int64_t workers, void* context,
                        void (*body)(void* context, int64_t begin, int64_t end)) {
  std::exception_ptr first;
  std::mutex mutex;
#ifdef _OPENMP
#pragma omp parallel for schedule(static, 1) num_threads(static_cast <int>(workers))
#endif
  for (int64_t worker = 0; worker < workers; ++worker) {
    try {
      body(context, count * worker / workers, count * (worker + 1) / workers);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!first) first = std::current_exception();
    }
  }
  if (first) std::rethrow_exception(first);
}

}  // namespace papilio
