#include <algorithm>

#include "papilio/core/ops.h"
#include "papilio/core/threads.h"

namespace papilio {
namespace {

// In blocks, so that both sides are read and written in whole cache lines.
constexpr int64_t kBlock = 16;

template <class T>
void transpose_into(const T* in, int64_t rows, int64_t columns, T* out) {
  const auto body = [&](int64_t begin, int64_t end) {
    for (int64_t r0 = begin * kBlock; r0 < std::min(end * kBlock, rows); r0 += kBlock)
      for (int64_t c0 = 0; c0 < columns; c0 += kBlock)
        for (int64_t c = c0; c < std::min(c0 + kBlock, columns); ++c)
          for (int64_t r = r0; r < std::min(r0 + kBlock, rows); ++r)
            out[c * rows + r] = in[r * columns + c];
  };
  parallel_for((rows + kBlock - 1) / kBlock, body, 1 + (1 << 14) / (kBlock * (columns + 1)));
}

Tensor transposed(const Tensor& x) {
  Tensor y({x.dim(1), x.dim(0)}, x.dtype());
  dispatch_floating(x.dtype(), "transpose", [&]<class T>() {
    transpose_into(x.data<T>(), x.dim(0), x.dim(1), y.mutable_data<T>());
  });
  return y;
}

}  // namespace

Tensor transpose(const Tensor& x) {
  check(x.rank() == 2, "transpose: x is ", x, ", expected two axes; reshape() makes them");
  Tensor y = transposed(x);
  record("transpose", y, {&x},
         [](const Tensor& dy, InputGradients& dx) { dx.add(0, transposed(dy)); });
  return y;
}

}  // namespace papilio
