#include <algorithm>

#include "papilio/core/ops.h"
#include "papilio/core/ops/elementwise.h"

namespace papilio {
namespace {

int64_t rows_worth_a_thread(int64_t columns) {
  return std::max<int64_t>(detail::kGrain / std::max<int64_t>(columns, 1), 1);
}

Tensor gathered(const Tensor& x, const Tensor& index) {
  const int64_t columns = x.dim(-1), picked = index.numel();
  Tensor y(x.shape().with(-1, picked), x.dtype());
  dispatch_floating(x.dtype(), "gather", [&]<class T>() {
    const int64_t* at = index.data<int64_t>();
    const T* in = x.data<T>();
    T* out = y.mutable_data<T>();
    parallel_for(
        x.shape().leading().numel(),
        [&](int64_t begin, int64_t end) {
          for (int64_t r = begin; r < end; ++r)
            for (int64_t j = 0; j < picked; ++j) out[r * picked + j] = in[r * columns + at[j]];
        },
        rows_worth_a_thread(picked));
  });
  return y;
}

// Where each column went, if every one of `columns` was taken once; undefined otherwise.
Tensor inverse_of(const Tensor& index, int64_t columns) {
  if (index.numel() != columns) return {};
  Tensor inverse = Tensor::full({columns}, -1, DType::i64);
  int64_t* place = inverse.mutable_data<int64_t>();
  for (int64_t j = 0; j < columns; ++j) {
    int64_t& taken = place[index.data<int64_t>()[j]];
    if (taken >= 0) return {};
    taken = j;
  }
  return inverse;
}

// dx[r, index[j]] += dy[r, j]; rows are independent, so that the sums have one order.
Tensor scattered(const Tensor& dy, const Tensor& index, const Shape& shape) {
  Tensor dx = Tensor::zeros(shape, dy.dtype());
  const int64_t columns = shape[-1], picked = index.numel();
  dispatch_floating(dy.dtype(), "gather", [&]<class T>() {
    const int64_t* at = index.data<int64_t>();
    const T* in = dy.data<T>();
    T* out = dx.mutable_data<T>();
    parallel_for(
        shape.leading().numel(),
        [&](int64_t begin, int64_t end) {
          for (int64_t r = begin; r < end; ++r)
            for (int64_t j = 0; j < picked; ++j) out[r * columns + at[j]] += in[r * picked + j];
        },
        rows_worth_a_thread(picked));
  });
  return dx;
}

}  // namespace

Tensor gather(const Tensor& x, const Tensor& index) {
  check(x.rank() >= 1 && index.rank() == 1 && index.dtype() == DType::i64, "gather: x ", x,
        " and index ", index,
        ": x needs an axis, and the index is i64 [m]; reshape() or to() makes it so");
  const int64_t columns = x.dim(-1), picked = index.numel();
  const int64_t* at = index.data<int64_t>();
  for (int64_t j = 0; j < picked; ++j)
    check(0 <= at[j] && at[j] < columns, "gather: index[", j, "] is ", at[j], ", the last axis of ",
          x, " has ", columns, " positions, 0 .. ", columns - 1);
  Tensor y = gathered(x, index);
  // The index is an input too: backward() then refuses one that was written meanwhile.
  record("gather", y, {&x, &index},
         [index, shape = x.shape()](const Tensor& dy, InputGradients& dx) {
           const Tensor inverse = inverse_of(index, shape[-1]);
           dx.add(0, inverse.defined() ? gathered(dy, inverse) : scattered(dy, index, shape));
         });
  return y;
}

}  // namespace papilio
