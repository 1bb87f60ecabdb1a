#include "papilio/core/ops/elementwise.h"

namespace papilio::detail {

AxisView around_axis(const char* op, const Tensor& x, int64_t axis) {
  const Shape& shape = x.shape();
  const int64_t at = axis < 0 ? axis + x.rank() : axis;
  check(at >= 0 && at < x.rank(), op, ": ", x, " has no axis ", axis, "; it has ", x.rank(),
        " axes, counted from 0 or, from the end, -1");
  AxisView view{.axis = at, .outer = shape.prefix(at).numel(), .size = shape[at], .inner = 1};
  for (int64_t i = at + 1; i < x.rank(); ++i) view.inner *= shape[i];
  return view;
}

void check_operands(const char* op, const Tensor& a, const Tensor& b) {
  check(a.dtype() == b.dtype(), op, ": a ", a, " and b ", b,
        " differ in dtype; convert one with to()");
  const Shape &whole = a.shape(), &part = b.shape();
  check(part.rank() <= whole.rank() &&
            std::equal(part.begin(), part.end(), whole.end() - part.rank()),
        op, ": a ", a, " and b ", b, ": b needs the shape of a or its trailing axes; reshape() it");
}

}  // namespace papilio::detail
