// The step of stochastic gradient descent with momentum, on raw arrays.
#pragma once

#include <cstdint>

namespace papilio::kernels {

/// For every element: g += decay p;  m = mu m + take g;  p -= rate m, with nesterov p -= rate (g +
/// mu m).
struct SgdStep {
  double rate, decay, mu, take;
  bool nesterov;
};

/// p, g, m [count] are `value`, `gradient` and `momentum`, which don't overlap. T is float or
/// double. The same bits for every thread count; targets that can fuse multiplication and addition
/// do.
template <class T>
void sgd_step(const SgdStep& step, int64_t count, T* value, const T* gradient, T* momentum);

}  // namespace papilio::kernels
