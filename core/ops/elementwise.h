// Loops that ops are made of: element by element, over broadcast operands, sums over rows, and what
// stands around one axis. For core/ops/*.cc only.
#pragma once

#include <algorithm>
#include <cstdint>

#include "papilio/core/memory.h"
#include "papilio/core/tensor.h"
#include "papilio/core/threads.h"

namespace papilio::detail {

/// Elements worth a thread of their own.
inline constexpr int64_t kGrain = int64_t{1} << 15;

/// y[i] = f(x[i]) on this thread.
template <class X, class Y, class F>
void map_serial(const X* __restrict x, Y* __restrict y, int64_t count, const F& f) {
  const F g = f;  // a copy that y can't alias
  for (int64_t i = 0; i < count; ++i) y[i] = g(x[i]);
}
/// y[i] = f(a[i], b[i]) on this thread.
template <class A, class B, class Y, class F>
void map_serial(const A* __restrict a, const B* __restrict b, Y* __restrict y, int64_t count,
                const F& f) {
  const F g = f;
  for (int64_t i = 0; i < count; ++i) y[i] = g(a[i], b[i]);
}

/// y[i] = f(x[i]).
template <class X, class Y, class F>
void map(const X* x, Y* y, int64_t count, const F& f) {
  parallel_for(
      count, [&](int64_t begin, int64_t end) { map_serial(x + begin, y + begin, end - begin, f); },
      kGrain);
}
/// y[i] = f(a[i], b[i]).
template <class A, class B, class Y, class F>
void map(const A* a, const B* b, Y* y, int64_t count, const F& f) {
  parallel_for(
      count,
      [&](int64_t begin, int64_t end) {
        map_serial(a + begin, b + begin, y + begin, end - begin, f);
      },
      kGrain);
}

/// y[i] = f(a[i], b[i mod period]); `count` is a multiple of `period`.
template <class A, class B, class Y, class F>
void map_repeated(const A* a, int64_t count, const B* b, int64_t period, Y* y, const F& f) {
  if (count == period) return map(a, b, y, count, f);
  if (period == 1) return map(a, y, count, [&f, value = *b](const A& x) { return f(x, value); });
  parallel_for(
      count / std::max<int64_t>(period, 1),
      [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row)
          map_serial(a + row * period, b, y + row * period, period, f);
      },
      std::max<int64_t>(kGrain / std::max<int64_t>(period, 1), 1));
}

/// sums[j] = sum of x[r * columns + j] over the rows r. The order of additions depends on the sizes
/// alone: rows are cut into chunks, whose sums are added in order.
template <class T>
void sum_rows(const T* x, int64_t rows, int64_t columns, T* sums) {
  const int64_t chunk = std::clamp<int64_t>(kGrain / std::max<int64_t>(columns, 1), 1, 256);
  const int64_t chunks = (rows + chunk - 1) / chunk;
  const auto add_to = [columns](const T* __restrict row, T* __restrict total) {
    for (int64_t j = 0; j < columns; ++j) total[j] += row[j];
  };
  const Buffer scratch(static_cast<size_t>(chunks * columns) * sizeof(T));
  T* partial = scratch.as<T>();
  parallel_for(
      chunks,
      [&](int64_t begin, int64_t end) {
        std::fill(partial + begin * columns, partial + end * columns, T{});
        for (int64_t r = begin * chunk; r < std::min(end * chunk, rows); ++r)
          add_to(x + r * columns, partial + r / chunk * columns);
      },
      std::max<int64_t>(kGrain / std::max<int64_t>(chunk * columns, 1), 1));
  std::fill_n(sums, columns, T{});
  for (int64_t c = 0; c < chunks; ++c) add_to(partial + c * columns, sums);
}

/// The sum of x[0 .. count-1], added up pairwise and, at the end, in eight lanes: an order that
/// depends on the count alone, for accuracy.
template <class T>
T sum_run(const T* x, int64_t count) {
  if (count > 256) return sum_run(x, count / 2) + sum_run(x + count / 2, count - count / 2);
  constexpr int64_t kLanes = 8;
  T lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += x[i + lane];
  for (; i < count; ++i) lanes[i % kLanes] += x[i];
  return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) +
         ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

/// The gradient of an operand of `shape` that was repeated over the leading axes: `gradient` summed
/// over them.
inline Tensor sum_to(const Tensor& gradient, const Shape& shape) {
  if (gradient.shape() == shape) return gradient;
  Tensor result(shape, gradient.dtype());
  const int64_t columns = result.numel();
  dispatch_floating(gradient.dtype(), "sum", [&]<class T>() {
    sum_rows(gradient.data<T>(), columns == 0 ? 0 : gradient.numel() / columns, columns,
             result.mutable_data<T>());
  });
  return result;
}

/// A tensor seen as [outer, size, inner] around one axis.
struct AxisView {
  int64_t axis;  ///< counted from the front
  int64_t outer, size, inner;
};
/// A negative axis counts from the end. Throws Error naming `op` when there is no such axis.
AxisView around_axis(const char* op, const Tensor& x, int64_t axis);

/// Throws Error unless the dtypes are equal and b has the shape of a, or its trailing axes.
void check_operands(const char* op, const Tensor& a, const Tensor& b);

}  // namespace papilio::detail
