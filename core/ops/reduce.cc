#include "papilio/core/ops.h"
#include "papilio/core/ops/elementwise.h"

namespace papilio {
namespace {

// A tensor seen as [outer, axis, inner].
struct Split {
  int64_t outer = 1, axis = 1, inner = 1;
};

Split split_at(const Shape& shape, int64_t axis) {
  const int64_t at = axis < 0 ? axis + shape.rank() : axis;
  Split split{.axis = shape[axis]};
  for (int64_t i = 0; i < at; ++i) split.outer *= shape[i];
  for (int64_t i = at + 1; i < shape.rank(); ++i) split.inner *= shape[i];
  return split;
}

Shape without(const Shape& shape, int64_t axis) {
  const int64_t at = axis < 0 ? axis + shape.rank() : axis;
  Shape rest = shape.prefix(at);
  for (int64_t i = at + 1; i < shape.rank(); ++i) rest = rest.append(shape[i]);
  return rest;
}

// The sum of each [axis, inner] block over its axis, times `factor`.
Tensor summed(const Tensor& x, const Split& split, const Shape& shape, double factor) {
  Tensor y(shape, x.dtype());
  dispatch_floating(x.dtype(), "sum", [&]<class T>() {
    const T* in = x.data<T>();
    T* out = y.mutable_data<T>();
    const auto scale = static_cast<decltype(std::real(T{}))>(factor);
    parallel_for(
        split.outer,
        [&](int64_t begin, int64_t end) {
          for (int64_t o = begin; o < end; ++o) {
            if (split.inner == 1) {
              out[o] = detail::sum_run(in + o * split.axis, split.axis) * scale;
              continue;
            }
            T* row = out + o * split.inner;
            detail::sum_rows(in + o * split.axis * split.inner, split.axis, split.inner, row);
            for (int64_t j = 0; j < split.inner; ++j) row[j] *= scale;
          }
        },
        std::max<int64_t>(detail::kGrain / std::max<int64_t>(split.axis * split.inner, 1), 1));
  });
  return y;
}

// The way back: every entry of dy, times `factor`, at all positions of the axis.
Tensor spread(const Tensor& dy, const Split& split, const Shape& shape, double factor) {
  Tensor dx(shape, dy.dtype());
  dispatch_floating(dy.dtype(), "sum", [&]<class T>() {
    const T* in = dy.data<T>();
    T* out = dx.mutable_data<T>();
    const auto scale = static_cast<decltype(std::real(T{}))>(factor);
    for (int64_t o = 0; o < split.outer; ++o)
      for (int64_t a = 0; a < split.axis; ++a)
        for (int64_t j = 0; j < split.inner; ++j)
          out[(o * split.axis + a) * split.inner + j] = in[o * split.inner + j] * scale;
  });
  return dx;
}

Tensor reduced(const char* op, const Tensor& x, const Split& split, const Shape& shape,
               double factor) {
  Tensor y = summed(x, split, shape, factor);
  if (op[0] == 's')
    record("sum", y, {&x}, [=, whole = x.shape()](const Tensor& dy, InputGradients& dx) {
      dx.add(0, spread(dy, split, whole, factor));
    });
  else
    record("mean", y, {&x}, [=, whole = x.shape()](const Tensor& dy, InputGradients& dx) {
      dx.add(0, spread(dy, split, whole, factor));
    });
  return y;
}

double inverse(int64_t count, const Tensor& x) {
  check(count > 0, "mean: ", x, " has nothing to take the mean of");
  return 1.0 / static_cast<double>(count);
}

}  // namespace

Tensor sum(const Tensor& x) { return reduced("sum", x, {.axis = x.numel()}, {}, 1); }
Tensor mean(const Tensor& x) {
  return reduced("mean", x, {.axis = x.numel()}, {}, inverse(x.numel(), x));
}

Tensor sum(const Tensor& x, int64_t axis) {
  return reduced("sum", x, split_at(x.shape(), axis), without(x.shape(), axis), 1);
}
Tensor mean(const Tensor& x, int64_t axis) {
  const Split split = split_at(x.shape(), axis);
  return reduced("mean", x, split, without(x.shape(), axis), inverse(split.axis, x));
}

}  // namespace papilio
