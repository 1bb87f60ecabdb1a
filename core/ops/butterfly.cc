#include "papilio/core/kernels/butterfly.h"

#include <bit>
#include <cmath>
#include <memory>
#include <optional>

#include "papilio/core/kept.h"
#include "papilio/core/kernels/simd.h"
#include "papilio/core/ops.h"
#include "papilio/core/saved.h"

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

// x [..., features], or [features, batch] when features-major.
kernels::ButterflyShape kernel_shape(const Tensor& x, const Tensor& twiddle, int64_t n,
                                     bool increasing_stride, int64_t out_features,
                                     kernels::Layout layout) {
  const bool rows = layout == kernels::Layout::rows;
  check(is_power_of_two(n), "butterfly_multiply: n = ", n, " is not a power of two");
  const int64_t stacks = twiddle.rank() == 6 ? twiddle.dim(0) : 0;
  const int64_t blocks = twiddle.rank() == 6 ? twiddle.dim(1) : 0;
  check(twiddle.rank() == 6 && stacks > 0 && blocks > 0 &&
            twiddle.shape() == Shape{stacks, blocks, log2_of(n), n / 2, 2, 2},
        "butterfly_multiply: twiddle ", twiddle, ", expected [nstacks, nblocks, ", log2_of(n), ", ",
        n / 2, ", 2, 2] for n = ", n, "; expand tied twiddles with tied_twiddle()");
  check(x.rank() >= 1, "butterfly_multiply: x is a scalar, expected [..., features]");
  check(rows || x.rank() == 2, "butterfly_multiply: features-major x is ", x,
        ", expected [features, batch]");
  check(x.dtype() == twiddle.dtype(), "butterfly_multiply: x", x, " and twiddle ", twiddle,
        " have different dtypes; convert x with complex() or to()");
  if (out_features == 0) out_features = stacks * n;
  check(out_features > 0 && out_features <= stacks * n,
        "butterfly_multiply: out_features = ", out_features, ", but ", stacks, " stacks of n = ", n,
        " give 1 to ", stacks * n);
  return {.batch = rows ? x.shape().leading().numel() : x.dim(1),
          .in_features = rows ? x.dim(-1) : x.dim(0),
          .n = n,
          .nstacks = stacks,
          .nblocks = blocks,
          .increasing_stride = increasing_stride,
          .out_features = out_features,
          .layout = layout};
}

void check_end(const Tensor& x, const Tensor& bias, Activation activation, int64_t out_features) {
  check(!bias.defined() || (bias.shape() == Shape{out_features} && bias.dtype() == x.dtype()),
        "butterfly_multiply: the bias is ", bias, ", expected [", out_features, "] ", x.dtype());
  check(activation == Activation::none || is_real(x.dtype()),
        "butterfly_multiply: relu needs a real result, x is ", x.dtype());
}

template <class T>
using Packed = kernels::PackedTwiddle<T>;

// The twiddle as the kernels want it, kept with the tensor.
template <class T>
std::shared_ptr<const Packed<T>> packed(const kernels::ButterflyShape& shape, const Tensor& twiddle,
                                        bool inference) {
  const auto target = static_cast<int64_t>(
      reinterpret_cast<intptr_t>(kernels::simd_target().data()));  // its names are literals
  const auto key = [&](int64_t form) {
    return KeptKey{form,          target,        shape.n * 2 + shape.increasing_stride,
                   shape.nstacks, shape.nblocks, static_cast<int64_t>(shape.layout)};
  };
  if (inference) {
    auto frozen = kept_with<std::optional<Packed<T>>>(twiddle, key(1), [&] {
      return std::make_shared<const std::optional<Packed<T>>>(
          Packed<T>::frozen(shape, twiddle.data<T>()));
    });
    if (const auto& form = *frozen) return {std::move(frozen), &*form};
  }
  return kept_with<Packed<T>>(
      twiddle, key(0), [&] { return std::make_shared<const Packed<T>>(shape, twiddle.data<T>()); });
}

template <class T>
const T* data_or_null(const Tensor& t) {
  return t.defined() ? t.data<T>() : nullptr;
}
template <class T>
T* mutable_data_or_null(Tensor& t) {
  return t.defined() ? t.mutable_data<T>() : nullptr;
}

template <class T>
void forward(const kernels::ButterflyShape& shape, const Packed<T>& twiddle, const Tensor& x,
             const Tensor& bias, Activation activation, Tensor& y) {
  kernels::butterfly_forward<T>(
      shape, twiddle, x.data<T>(), y.mutable_data<T>(),
      {.bias = data_or_null<T>(bias), .relu = activation == Activation::relu});
}

}  // namespace

Tensor butterfly_multiply(const Tensor& x, const Tensor& twiddle, int64_t n, bool increasing_stride,
                          int64_t out_features, const Tensor& bias, Activation activation) {
  const kernels::ButterflyShape shape =
      kernel_shape(x, twiddle, n, increasing_stride, out_features, kernels::Layout::rows);
  check_end(x, bias, activation, shape.out_features);
  Tensor y(x.shape().with(-1, shape.out_features), x.dtype());
  const Tensor* const inputs[] = {&x, &twiddle, &bias};
  const bool inference = !recorded(inputs);
  dispatch_floating(x.dtype(), "butterfly_multiply", [&]<class T>() {
    const auto form = packed<T>(shape, twiddle, inference);
    forward<T>(shape, *form, x, bias, activation, y);
    if (inference) return;
    // A handle without a tape, so that the record does not keep itself alive.
    const Tensor relu_y = activation == Activation::relu ? y.detach() : Tensor();
    record(
        "butterfly_multiply", y, {&x, &twiddle, &bias},
        [shape, form, x = Saved(x), twiddle, relu_y](const Tensor& dy, InputGradients& gradients) {
          Tensor dx = gradients.needs(0) ? Tensor(x.shape(), dy.dtype()) : Tensor();
          Tensor dt = gradients.needs(1) ? Tensor(twiddle.shape(), dy.dtype()) : Tensor();
          Tensor db = gradients.needs(2) ? Tensor({shape.out_features}, dy.dtype()) : Tensor();
          kernels::butterfly_backward<T>(shape, *form, x.get().data<T>(), data_or_null<T>(relu_y),
                                         dy.data<T>(),
                                         {.x = mutable_data_or_null<T>(dx),
                                          .twiddle = mutable_data_or_null<T>(dt),
                                          .bias = mutable_data_or_null<T>(db)});
          if (dx.defined()) gradients.add(0, dx);
          if (dt.defined()) gradients.add(1, dt);
          if (db.defined()) gradients.add(2, db);
        });
  });
  return y;
}

Tensor butterfly_multiply_features_major(const Tensor& x, const Tensor& twiddle, int64_t n,
                                         bool increasing_stride, int64_t out_features,
                                         const Tensor& bias, Activation activation) {
  const kernels::ButterflyShape shape =
      kernel_shape(x, twiddle, n, increasing_stride, out_features, kernels::Layout::features_major);
  check_end(x, bias, activation, shape.out_features);
  const Tensor* const inputs[] = {&x, &twiddle, &bias};
  if (recorded(inputs))
    return transpose(butterfly_multiply(transpose(x), twiddle, n, increasing_stride, out_features,
                                        bias, activation));
  Tensor y({shape.out_features, shape.batch}, x.dtype());
  dispatch_floating(x.dtype(), "butterfly_multiply", [&]<class T>() {
    forward<T>(shape, *packed<T>(shape, twiddle, true), x, bias, activation, y);
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
