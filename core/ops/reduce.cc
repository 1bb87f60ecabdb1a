#include "papilio/core/ops.h"
#include "papilio/core/ops/elementwise.h"

namespace papilio {
namespace {

using detail::AxisView;

AxisView all_of(const Tensor& x) { return {.axis = 0, .outer = 1, .size = x.numel(), .inner = 1}; }

Shape without(const Shape& shape, int64_t axis) {
  Shape rest = shape.prefix(axis);
  for (int64_t i = axis + 1; i < shape.rank(); ++i) rest = rest.append(shape[i]);
  return rest;
}

int64_t slabs_worth_a_thread(const AxisView& view) {
  return std::max<int64_t>(detail::kGrain / std::max<int64_t>(view.size * view.inner, 1), 1);
}

// The sum of each [size, inner] slab over its axis, times `factor`.
Tensor summed(const char* op, const Tensor& x, const AxisView& view, const Shape& shape,
              double factor) {
  Tensor y(shape, x.dtype());
  dispatch_floating(x.dtype(), op, [&]<class T>() {
    const T* in = x.data<T>();
    T* out = y.mutable_data<T>();
    const auto scale = static_cast<real_type<T>>(factor);
    const auto sum_slab = [&](const T* slab, T* sums) {
      if (view.inner == 1)
        *sums = detail::sum_run(slab, view.size);
      else
        detail::sum_rows(slab, view.size, view.inner, sums);
      for (int64_t j = 0; j < view.inner; ++j) sums[j] *= scale;
    };
    parallel_for(
        view.outer,
        [&](int64_t begin, int64_t end) {
          for (int64_t o = begin; o < end; ++o)
            sum_slab(in + o * view.size * view.inner, out + o * view.inner);
        },
        slabs_worth_a_thread(view));
  });
  return y;
}

// The way back: every entry of dy, times `factor`, at all positions of the axis.
Tensor spread(const Tensor& dy, const AxisView& view, const Shape& shape, double factor) {
  Tensor dx(shape, dy.dtype());
  dispatch_floating(dy.dtype(), "sum", [&]<class T>() {
    const T* in = dy.data<T>();
    T* out = dx.mutable_data<T>();
    const auto scale = static_cast<real_type<T>>(factor);
    parallel_for(
        view.outer,
        [&](int64_t begin, int64_t end) {
          for (int64_t row = begin * view.size; row < end * view.size; ++row)
            for (int64_t j = 0; j < view.inner; ++j)
              out[row * view.inner + j] = in[row / view.size * view.inner + j] * scale;
        },
        slabs_worth_a_thread(view));
  });
  return dx;
}

auto spreading(const Tensor& x, const AxisView& view, double factor) {
  return [view, factor, shape = x.shape()](const Tensor& dy, InputGradients& dx) {
    dx.add(0, spread(dy, view, shape, factor));
  };
}

Tensor sum_of(const Tensor& x, const AxisView& view, const Shape& shape) {
  Tensor y = summed("sum", x, view, shape, 1);
  record("sum", y, {&x}, spreading(x, view, 1));
  return y;
}

Tensor mean_of(const Tensor& x, const AxisView& view, const Shape& shape) {
  check(view.size > 0, "mean: ", x, " has nothing to take the mean of");
  const double factor = 1.0 / static_cast<double>(view.size);
  Tensor y = summed("mean", x, view, shape, factor);
  record("mean", y, {&x}, spreading(x, view, factor));
  return y;
}

}  // namespace

Tensor sum(const Tensor& x) { return sum_of(x, all_of(x), {}); }
Tensor mean(const Tensor& x) { return mean_of(x, all_of(x), {}); }

Tensor sum(const Tensor& x, int64_t axis) {
  const AxisView view = detail::around_axis("sum", x, axis);
  return sum_of(x, view, without(x.shape(), view.axis));
}
Tensor mean(const Tensor& x, int64_t axis) {
  const AxisView view = detail::around_axis("mean", x, axis);
  return mean_of(x, view, without(x.shape(), view.axis));
}

}  // namespace papilio
