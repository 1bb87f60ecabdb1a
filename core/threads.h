// The one knob for threads, and the one loop that uses them.
#pragma once

#include <cstdint>
#include <type_traits>

namespace papilio {

/// Number of threads of parallel regions started by this thread: our own loops and oneDNN's.
/// OpenBLAS always runs on one thread. At first the number of cores this process may use, or
/// OMP_NUM_THREADS.
int threads();
/// Throws Error unless count >= 1.
void set_threads(int count);

namespace detail {
// Calls body(context, begin, end) on `workers` threads.
void run_ranges(int64_t count, int64_t workers, void* context,
                void (*body)(void* context, int64_t begin, int64_t end));
// Threads that count items are worth; 1 inside of another parallel region.
int64_t workers_for(int64_t count, int64_t grain);
}  // namespace detail

/// Runs body(begin, end) over disjoint ranges that cover [0, count), on up to threads() threads;
/// serially inside another parallel region. `grain` is the least number of items worth a thread of
/// its own. An exception in the body ends its range; the first is rethrown here. How the ranges are
/// cut depends on the thread count: a sum over ranges must be made over chunks of a fixed size
/// instead.
template <class Body>
void parallel_for(int64_t count, Body&& body, int64_t grain = 1) {
  const int64_t workers = detail::workers_for(count, grain);
  if (workers == 1) return body(int64_t{0}, count);
  if (workers == 0) return;
  using Plain = std::remove_reference_t<Body>;
  detail::run_ranges(count, workers, const_cast<void*>(static_cast<const void*>(&body)),
                     [](void* context, int64_t begin, int64_t end) {
                       (*static_cast<Plain*>(context))(begin, end);
                     });
}

}  // namespace papilio
