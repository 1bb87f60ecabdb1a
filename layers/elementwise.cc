#include "papilio/layers/elementwise.h"

namespace papilio {

Tensor Flatten::forward(const Tensor& x) {
  check(x.rank() >= 1, "flatten: x is a scalar, expected [batch, ...]");
  int64_t features = 1;
  for (int64_t axis = 1; axis < x.rank(); ++axis) features *= x.dim(axis);
  return reshape(x, {x.dim(0), features});
}

}  // namespace papilio
