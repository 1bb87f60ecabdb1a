#include "papilio/layers/by_parts.h"

#include <algorithm>
#include <vector>

#include "papilio/core/ops.h"
#include "papilio/core/threads.h"

namespace papilio {

Tensor by_parts(const Tensor& x, int64_t count, const std::function<Tensor(const Tensor&)>& f) {
  check(x.rank() >= 1 && count >= 1, "by_parts: x ", x, " by ", count, "; at least 1 is needed");
  const NoTape guard;
  const int64_t batch = x.dim(0), parts = (batch + count - 1) / count;
  if (parts <= 1) return f(x);
  std::vector<Tensor> results(static_cast<size_t>(parts));
  parallel_for(parts, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      results[static_cast<size_t>(i)] = f(slice(x, 0, i * count, std::min(batch, (i + 1) * count)));
  });
  return concat(results, 0);
}

}  // namespace papilio
