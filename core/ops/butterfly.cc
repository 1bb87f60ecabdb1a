#include "papilio/core/kernels/butterfly.h"

#include <bit>
#include <cmath>

#include "papilio/core/ops.h"

namespace papilio {
namespace {

bool is_power_of_two(int64_t n) { return n > 0 && std::has_single_bit(static_cast<uint64_t>(n)); }
int64_t log2_of(int64_t n) { return std::countr_zero(static_cast<uint64_t>(n)); }

// Where entry (stack, block, k, i) of an untied twiddle stands among the n - 1 rows of its tied
// block.
struct TiedRows {
  int64_t n, factors;
  bool increasing_stride;

  int64_t operator()(int64_t block, int64_t k, int64_t i) const {
    const bool increasing = increasing_stride == (block % 2 == 0);
    const int64_t stride = int64_t{1} << (increasing ? k : factors - 1 - k);
    return stride - 1 + (i & (stride - 1));
  }
};

// Calls body(tied row, untied row) for all 2 x 2 matrices; both count over all stacks and blocks.
template <class Body>
void for_each_tied(const Shape& untied, bool increasing_stride, const Body& body) {
  const int64_t stacks = untied[0], blocks = untied[1], factors = untied[2], pairs = untied[3];
  const TiedRows rows{2 * pairs, factors, increasing_stride};
  int64_t row = 0;
  for (int64_t s = 0; s < stacks; ++s)
    for (int64_t b = 0; b < blocks; ++b)
      for (int64_t k = 0; k < factors; ++k)
        for (int64_t i = 0; i < pairs; ++i, ++row)
          body((s * blocks + b) * (2 * pairs - 1) + rows(b, k, i), row);
}

kernels::ButterflyShape kernel_shape(const Tensor& x, const Tensor& twiddle, int64_t n,
                                     bool increasing_stride, int64_t out_features) {
  check(is_power_of_two(n), "butterfly_multiply: n = ", n, " is not a power of two");
  const int64_t stacks = twiddle.rank() == 6 ? twiddle.dim(0) : 0;
  const int64_t blocks = twiddle.rank() == 6 ? twiddle.dim(1) : 0;
  check(twiddle.rank() == 6 && stacks > 0 && blocks > 0 &&
            twiddle.shape() == Shape{stacks, blocks, log2_of(n), n / 2, 2, 2},
        "butterfly_multiply: twiddle ", twiddle, ", expected [nstacks, nblocks, ", log2_of(n), ", ",
        n / 2, ", 2, 2] for n = ", n, "; expand tied twiddles with tied_twiddle()");
  check(x.rank() >= 1, "butterfly_multiply: x is a scalar, expected [..., features]");
  check(x.dtype() == twiddle.dtype(), "butterfly_multiply: x", x, " and twiddle ", twiddle,
        " have different dtypes; convert x with complex() or to()");
  if (out_features == 0) out_features = stacks * n;
  check(out_features > 0 && out_features <= stacks * n,
        "butterfly_multiply: out_features = ", out_features, ", but ", stacks, " stacks of n = ", n,
        " give 1 to ", stacks * n);
  return {.batch = x.shape().leading().numel(),
          .in_features = x.dim(-1),
          .n = n,
          .nstacks = stacks,
          .nblocks = blocks,
          .increasing_stride = increasing_stride,
          .out_features = out_features};
}

}  // namespace

Tensor butterfly_multiply(const Tensor& x, const Tensor& twiddle, int64_t n, bool increasing_stride,
                          int64_t out_features) {
  const kernels::ButterflyShape shape =
      kernel_shape(x, twiddle, n, increasing_stride, out_features);
  Tensor y(x.shape().with(-1, shape.out_features), x.dtype());
  dispatch_floating(x.dtype(), "butterfly_multiply", [&]<class T>() {
    kernels::butterfly_forward<T>(shape, twiddle.data<T>(), x.data<T>(), y.mutable_data<T>());
  });
  record("butterfly_multiply", y, {&x, &twiddle},
         [shape, x, twiddle](const Tensor& dy, InputGradients& inputs) {
           Tensor dx = inputs.needs(0) ? Tensor(x.shape(), x.dtype()) : Tensor();
           Tensor dt = inputs.needs(1) ? Tensor(twiddle.shape(), x.dtype()) : Tensor();
           dispatch_floating(x.dtype(), "butterfly_multiply", [&]<class T>() {
             kernels::butterfly_backward<T>(shape, twiddle.data<T>(), x.data<T>(), dy.data<T>(),
                                            dx.defined() ? dx.mutable_data<T>() : nullptr,
                                            dt.defined() ? dt.mutable_data<T>() : nullptr);
           });
           if (dx.defined()) inputs.add(0, dx);
           if (dt.defined()) inputs.add(1, dt);
         });
  return y;
}

Tensor tied_twiddle(const Tensor& tied, bool increasing_stride) {
  check(
      tied.rank() == 5 && is_power_of_two(tied.dim(2) + 1) && tied.dim(3) == 2 && tied.dim(4) == 2,
      "tied_twiddle: ", tied, ", expected [nstacks, nblocks, n - 1, 2, 2] with n a power of two");
  const int64_t n = tied.dim(2) + 1;
  const Shape shape{tied.dim(0), tied.dim(1), log2_of(n), n / 2, 2, 2};
  Tensor untied(shape, tied.dtype());
  dispatch_floating(tied.dtype(), "tied_twiddle", [&]<class T>() {
    const T* from = tied.data<T>();
    T* to = untied.mutable_data<T>();
    for_each_tied(shape, increasing_stride, [&](int64_t row, int64_t untied_row) {
      for (int64_t e = 0; e < 4; ++e) to[untied_row * 4 + e] = from[row * 4 + e];
    });
  });
  record("tied_twiddle", untied, {&tied},
         [shape, increasing_stride, tied_shape = tied.shape()](const Tensor& gradient,
                                                               InputGradients& inputs) {
           Tensor sum = Tensor::zeros(tied_shape, gradient.dtype());
           dispatch_floating(gradient.dtype(), "tied_twiddle", [&]<class T>() {
             const T* from = gradient.data<T>();
             T* to = sum.mutable_data<T>();
             for_each_tied(shape, increasing_stride, [&](int64_t row, int64_t untied_row) {
               for (int64_t e = 0; e < 4; ++e) to[row * 4 + e] += from[untied_row * 4 + e];
             });
           });
           inputs.add(0, sum);
         });
  return untied;
}

Tensor rotation_twiddle(const Tensor& angles) {
  check(angles.rank() == 4, "rotation_twiddle: ", angles,
        ", expected [nstacks, nblocks, log2 n, n/2]");
  Tensor rotations(angles.shape().append(2).append(2), angles.dtype());
  dispatch_real(angles.dtype(), "rotation_twiddle", [&]<class T>() {
    const T* angle = angles.data<T>();
    T* r = rotations.mutable_data<T>();
    for (int64_t i = 0; i < angles.numel(); ++i, r += 4) {
      const T c = std::cos(angle[i]), s = std::sin(angle[i]);
      r[0] = c, r[1] = -s, r[2] = s, r[3] = c;
    }
  });
  record("rotation_twiddle", rotations, {&angles},
         [rotations = rotations.detach(), shape = angles.shape()](const Tensor& gradient,
                                                                  InputGradients& inputs) {
           Tensor sum(shape, gradient.dtype());
           dispatch_real(gradient.dtype(), "rotation_twiddle", [&]<class T>() {
             const T *g = gradient.data<T>(), *r = rotations.data<T>();
             T* to = sum.mutable_data<T>();
             for (int64_t i = 0; i < shape.numel(); ++i, g += 4, r += 4)
               to[i] = r[0] * (g[2] - g[1]) - r[2] * (g[0] + g[3]);
           });
           inputs.add(0, sum);
         });
  return rotations;
}

}  // namespace papilio
