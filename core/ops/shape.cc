// reshape, slice, concat and pad: numbers move, none is computed.
#include <algorithm>
#include <vector>

#include "papilio/core/ops.h"
#include "papilio/core/ops/elementwise.h"

namespace papilio {
namespace {

using detail::around_axis;

// Copies `count` positions of `axis`, from `from_begin` on, to `to_begin` on of `to`; the other
// axes agree.
void copy_positions(const Tensor& from, int64_t from_begin, Tensor& to, int64_t to_begin,
                    int64_t axis, int64_t count) {
  const detail::AxisView view = around_axis("copy", from, axis);
  const int64_t bytes = view.inner * size_of(from.dtype());  // of one position
  const auto* in = static_cast<const std::byte*>(from.raw()) + from_begin * bytes;
  auto* out = static_cast<std::byte*>(to.mutable_raw()) + to_begin * bytes;
  const int64_t from_step = view.size * bytes, to_step = to.dim(axis) * bytes,
                piece = count * bytes;
  parallel_for(
      view.outer,
      [&](int64_t begin, int64_t end) {
        for (int64_t o = begin; o < end; ++o)
          std::copy_n(in + o * from_step, piece, out + o * to_step);
      },
      detail::kGrain / std::max<int64_t>(piece, 1) + 1);
}

Tensor sliced(const Tensor& x, int64_t axis, int64_t begin, int64_t end) {
  Tensor y(x.shape().with(axis, end - begin), x.dtype());
  copy_positions(x, begin, y, 0, axis, end - begin);
  return y;
}

Tensor padded(const Tensor& x, int64_t axis, int64_t before, int64_t after) {
  Tensor y = Tensor::zeros(x.shape().with(axis, before + x.dim(axis) + after), x.dtype());
  copy_positions(x, 0, y, before, axis, x.dim(axis));
  return y;
}

}  // namespace

Tensor reshape(const Tensor& x, const Shape& shape) {
  if (shape == x.shape()) return x;
  Tensor y = x.view(shape);
  record("reshape", y, {&x},
         [old = x.shape()](const Tensor& dy, InputGradients& dx) { dx.add(0, dy.view(old)); });
  return y;
}

Tensor slice(const Tensor& x, int64_t axis, int64_t begin, int64_t end) {
  const auto [at, outer, size, inner] = around_axis("slice", x, axis);
  check(0 <= begin && begin <= end && end <= size, "slice: ", begin, " .. ", end, " of axis ", axis,
        " of ", x, ", which has ", size, " positions; expected 0 <= begin <= end <= ", size);
  Tensor y = sliced(x, at, begin, end);
  record("slice", y, {&x},
         [axis = at, begin, after = size - end](const Tensor& dy, InputGradients& dx) {
           dx.add(0, padded(dy, axis, begin, after));
         });
  return y;
}

Tensor concat(std::span<const Tensor> parts, int64_t axis) {
  check(!parts.empty(), "concat: there are no parts");
  const Tensor& first = parts[0];
  const int64_t at = around_axis("concat", first, axis).axis;
  std::vector<int64_t> begins = {0};
  for (const Tensor& part : parts) {
    check(part.dtype() == first.dtype() && part.rank() == first.rank() &&
              part.shape().with(at, 0) == first.shape().with(at, 0),
          "concat: part ", part, " does not fit ", first, " along axis ", axis,
          "; only that axis may differ");
    begins.push_back(begins.back() + part.dim(at));
  }
  Tensor y(first.shape().with(at, begins.back()), first.dtype());
  for (size_t i = 0; i < parts.size(); ++i)
    copy_positions(parts[i], 0, y, begins[i], at, parts[i].dim(at));
  record("concat", y, parts, [at, begins](const Tensor& dy, InputGradients& dx) {
    for (size_t i = 0; i + 1 < begins.size(); ++i)
      if (dx.needs(i)) dx.add(i, sliced(dy, at, begins[i], begins[i + 1]));
  });
  return y;
}

Tensor pad(const Tensor& x, int64_t axis, int64_t before, int64_t after) {
  const auto [at, outer, size, inner] = around_axis("pad", x, axis);
  check(before >= 0 && after >= 0, "pad: ", before, " before and ", after,
        " after; both must be >= 0, slice() takes away");
  int64_t total = 0;
  check(!__builtin_add_overflow(size, before, &total) &&
            !__builtin_add_overflow(total, after, &total),
        "pad: ", before, " before and ", after, " after are more than 63 bits can count");
  Tensor y = padded(x, at, before, after);
  record("pad", y, {&x},
         [axis = at, before, end = before + size](const Tensor& dy, InputGradients& dx) {
           dx.add(0, sliced(dy, axis, before, end));
         });
  return y;
}

}  // namespace papilio
