// The one knob for threads, and the one loop that uses them.
#pragma once

#include <cstdint>
#include <functional>

namespace papilio {

/// Number of threads of parallel regions started by this thread: our own loops and oneDNN's. OpenBLAS always runs on
/// one thread. At first the number of cores this process may use, or OMP_NUM_THREADS.
int threads();
/// Throws Error unless count >= 1.
void set_threads(int count);

/// Runs body(begin, end) over disjoint ranges that cover [0, count), on threads() threads; serially when count <= grain
/// or inside another parallel region. `grain` is the least number of items worth a thread of its own. An exception
/// in the body ends its range; the first is rethrown here. How the ranges are cut depends on the thread count: a sum
/// over ranges must be made over chunks of a fixed size instead.
void parallel_for(int64_t count, const std::function<void(int64_t begin, int64_t end)>& body,
                  int64_t grain = 1);

}  // namespace papilio
