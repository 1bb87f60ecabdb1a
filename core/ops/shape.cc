#include <algorithm>
#include <numeric>

#include "papilio/core/ops.h"
#include "papilio/core/ops/elementwise.h"

namespace papilio {
namespace {

// Bytes of one step along `axis`, with everything inside of it.
int64_t stride_bytes(const Tensor& x, int64_t axis) {
  int64_t bytes = size_of(x.dtype());
  for (int64_t i = axis + 1; i < x.rank(); ++i) bytes *= x.dim(i);
  return bytes;
}

int64_t outer_count(const Tensor& x, int64_t axis) { return x.shape().prefix(axis).numel(); }

int64_t checked_axis(const char* op, const Tensor& x, int64_t axis) {
  const int64_t at = axis < 0 ? axis + x.rank() : axis;
  check(at >= 0 && at < x.rank(), op, ": ", x, " has no axis ", axis);
  return at;
}

// Copies `count` steps of `axis` from position `from_begin` of `from` to position `to_begin` of
// `to`; the other axes agree.
void copy_steps(const Tensor& from, int64_t from_begin, Tensor& to, int64_t to_begin, int64_t axis,
                int64_t count) {
  const int64_t step = stride_bytes(from, axis);
  const auto* in = static_cast<const std::byte*>(from.raw()) + from_begin * step;
  auto* out = static_cast<std::byte*>(to.mutable_raw()) + to_begin * step;
  for (int64_t o = 0, n = outer_count(from, axis); o < n; ++o)
    std::copy_n(in + o * from.dim(axis) * step, count * step, out + o * to.dim(axis) * step);
}

Tensor sliced(const Tensor& x, int64_t axis, int64_t begin, int64_t end) {
  Tensor y(x.shape().with(axis, end - begin), x.dtype());
  copy_steps(x, begin, y, 0, axis, end - begin);
  return y;
}

Tensor padded(const Tensor& x, int64_t axis, int64_t before, int64_t after) {
  Tensor y = Tensor::zeros(x.shape().with(axis, before + x.dim(axis) + after), x.dtype());
  copy_steps(x, 0, y, before, axis, x.dim(axis));
  return y;
}

}  // namespace

Tensor reshape(const Tensor& x, const Shape& shape) {
  Tensor y = x.view(shape);
  record("reshape", y, {&x},
         [old = x.shape()](const Tensor& dy, InputGradients& dx) { dx.add(0, dy.view(old)); });
  return y;
}

Tensor slice(const Tensor& x, int64_t axis, int64_t begin, int64_t end) {
  const int64_t at = checked_axis("slice", x, axis);
  const int64_t size = x.dim(at);
  check(0 <= begin && begin <= end && end <= size, "slice: ", begin, " .. ", end, " of axis ", axis,
        " of ", x, ", which has ", size, " positions");
  Tensor y = sliced(x, at, begin, end);
  record("slice", y, {&x}, [=](const Tensor& dy, InputGradients& dx) {
    dx.add(0, padded(dy, at, begin, size - end));
  });
  return y;
}

Tensor concat(std::span<const Tensor> parts, int64_t axis) {
  check(!parts.empty(), "concat: there are no parts");
  const int64_t at = checked_axis("concat", parts[0], axis);
  int64_t total = 0;
  for (const Tensor& part : parts) {
    check(part.dtype() == parts[0].dtype() && part.rank() == parts[0].rank() &&
              part.shape().with(at, 0) == parts[0].shape().with(at, 0),
          "concat: part ", part, " does not fit ", parts[0], " along axis ", axis,
          "; only that axis may differ");
    total += part.dim(at);
  }
  Tensor y(parts[0].shape().with(at, total), parts[0].dtype());
  std::vector<int64_t> begins;
  int64_t begin = 0;
  for (const Tensor& part : parts) {
    copy_steps(part, 0, y, begin, at, part.dim(at));
    begins.push_back(begin);
    begin += part.dim(at);
  }
  begins.push_back(begin);
  record("concat", y, parts, [=](const Tensor& dy, InputGradients& dx) {
    for (size_t i = 0; i + 1 < begins.size(); ++i)
      if (dx.needs(i)) dx.add(i, sliced(dy, at, begins[i], begins[i + 1]));
  });
  return y;
}

Tensor pad(const Tensor& x, int64_t axis, int64_t before, int64_t after) {
  const int64_t at = checked_axis("pad", x, axis);
  check(before >= 0 && after >= 0, "pad: ", before, " before and ", after,
        " after; both must be >= 0, slice() takes away");
  Tensor y = padded(x, at, before, after);
  record("pad", y, {&x}, [=, size = x.dim(at)](const Tensor& dy, InputGradients& dx) {
    dx.add(0, sliced(dy, at, before, before + size));
  });
  return y;
}

}  // namespace papilio
