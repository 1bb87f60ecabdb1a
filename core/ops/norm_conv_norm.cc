// With c = x - mean(x) and r, q = 1 / sqrt(variance + epsilon) of the two norms, before and after:
//
//   u = W diag(gamma r), so that the convolution's result, less its mean W beta, is u c
//   its variances are the diagonal of u cov(x) u^T, by groups
//   y = v c + beta' + residual, where v = diag(gamma' q) u
//
// and for the dy that passed the ReLU, with G = sum over the pixels of dy c^T:
//
//   dbeta' = sum of dy, dgamma' = q (u G^T)_diagonal
//   dz = gamma' q (dy - mean(dy) - q u c dgamma' / pixels), of the convolution's result
//   D = sum of dz c^T = diag(gamma' q) (G - diag(dgamma' q) u cov(x))
//   dW = D diag(gamma r) and dbeta = 0, as dz has no mean
//   dgamma = r (W^T D)_diagonal
//   dx = gamma r (W^T dz - r c r dgamma / pixels) = v^T dy + Q x + k with constant Q and k
//
// (Ioffe and Szegedy 2015 give the gradient of one norm, which is applied twice here).
#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>
#include <vector>

#include "papilio/core/kernels/channel_moments.h"
#include "papilio/core/kernels/conv.h"
#include "papilio/core/kernels/gemm.h"
#include "papilio/core/ops.h"
#include "papilio/core/ops/conv_shape.h"
#include "papilio/core/ops/normalised.h"
#include "papilio/core/saved.h"

namespace papilio {
namespace {

using Numbers = std::vector<double>;

Numbers numbers(const Tensor& t) {
  return dispatch_real(t.dtype(), "norm_conv_norm",
                       [&]<class T>() { return Numbers(t.data<T>(), t.data<T>() + t.numel()); });
}
template <class T>
Tensor tensor(const Shape& shape, const Numbers& values) {
  Tensor result(shape, std::is_same_v<T, float> ? DType::f32 : DType::f64);
  std::ranges::copy(values, result.mutable_data<T>());
  return result;
}

/// A matrix of rows of `in` numbers, where row i belongs to group i / out.
struct Grouped {
  int64_t groups, in, out;

  /// visit(row of the matrix, column in its group, channel of that column)
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (int64_t row = 0; row < groups * out; ++row)
      for (int64_t i = 0; i < in; ++i)
        visit(static_cast<size_t>(row), static_cast<size_t>(row * in + i),
              static_cast<size_t>(row / out * in + i));
  }
};

/// u cov: of rows [groups * out, in] and squares [groups, in, in].
Numbers times_squares(const Grouped& g, const Numbers& rows, const Numbers& squares) {
  Numbers result(rows.size());
  for (int64_t i = 0; i < g.groups; ++i)
    kernels::gemm<double>({.m = g.out, .n = g.in, .k = g.in}, rows.data() + i * g.out * g.in,
                          squares.data() + i * g.in * g.in, result.data() + i * g.out * g.in);
  return result;
}
/// a^T b in every group: [groups, in, in] of two [groups * out, in].
Numbers squares_of(const Grouped& g, const Numbers& a, const Numbers& b) {
  Numbers result(static_cast<size_t>(g.groups * g.in * g.in));
  for (int64_t i = 0; i < g.groups; ++i)
    kernels::gemm<double>({.m = g.in, .n = g.in, .k = g.out, .op_a = kernels::Op::transpose},
                          a.data() + i * g.out * g.in, b.data() + i * g.out * g.in,
                          result.data() + i * g.in * g.in);
  return result;
}

Numbers inverse_deviations(const Numbers& variances, double epsilon) {
  Numbers result(variances.size());
  for (size_t c = 0; c < result.size(); ++c) result[c] = 1 / std::sqrt(variances[c] + epsilon);
  return result;
}

/// What the backward function keeps, by the names of the formulas.
struct Composed {
  kernels::ConvShape shape;
  Saved x;
  Tensor y;       ///< with an activation
  Tensor folded;  ///< v
  Numbers weight, gamma, r, gamma_after, q;
  Numbers mean, u, u_covariance;  ///< u and u cov(x)
  int64_t pixels;

  Grouped grouped() const {
    return {.groups = shape.groups, .in = shape.in_per_group(), .out = shape.out_per_group()};
  }
};

template <class T>
void backward(const Composed& n, const Tensor& dy, InputGradients& gradients) {
  const Grouped g = n.grouped();
  const auto out = static_cast<size_t>(n.shape.out), in = static_cast<size_t>(n.shape.in);
  const DType dtype = dy.dtype();
  const Tensor passed = n.y.defined() ? InputGradients::in_place_of(dy) : dy;
  Tensor sums({n.shape.out}, dtype), products({n.shape.out, g.in}, dtype);
  {
    Tensor gated = passed;
    kernels::conv_gated_products<T>(n.shape, n.x.get().data<T>(),
                                    tensor<T>({n.shape.in}, n.mean).template data<T>(),
                                    {.all = dy.data<T>(),
                                     .y = n.y.defined() ? n.y.data<T>() : nullptr,
                                     .passed = n.y.defined() ? gated.mutable_data<T>() : nullptr},
                                    sums.mutable_data<T>(), products.mutable_data<T>());
  }

  const Numbers dbeta_after = numbers(sums);
  Numbers d = numbers(products), dgamma_after(out), dgamma(in), dweight(d.size());
  g.for_each([&](size_t row, size_t at, size_t) { dgamma_after[row] += n.u[at] * d[at]; });
  for (size_t row = 0; row < out; ++row) dgamma_after[row] *= n.q[row];
  g.for_each([&](size_t row, size_t at, size_t channel) {
    d[at] =
        n.gamma_after[row] * n.q[row] * (d[at] - dgamma_after[row] * n.q[row] * n.u_covariance[at]);
    dweight[at] = n.gamma[channel] * n.r[channel] * d[at];
    dgamma[channel] += n.r[channel] * n.weight[at] * d[at];
  });

  if (gradients.needs(0)) {
    const double share = 1 / static_cast<double>(n.pixels);
    const auto size = static_cast<size_t>(g.in);
    const Numbers v = numbers(n.folded);
    Numbers scaled = v, shift(in);
    g.for_each([&](size_t row, size_t at, size_t channel) {
      shift[channel] -= share * v[at] * dbeta_after[row];
      scaled[at] *= -share * n.q[row] * dgamma_after[row];
    });
    Numbers of_x = squares_of(g, scaled, n.u);
    for (size_t c = 0; c < in; ++c) {
      of_x[c * size + c % size] -= share * n.gamma[c] * n.r[c] * n.r[c] * dgamma[c];
      for (size_t i = 0; i < size; ++i)
        shift[c] -= of_x[c * size + i] * n.mean[c / size * size + i];
    }
    Tensor dx(n.x.shape(), dtype);
    kernels::conv_backward_affine<T>(
        n.shape, passed.data<T>(), n.folded.data<T>(), n.x.get().data<T>(),
        tensor<T>({n.shape.in, g.in}, of_x).template data<T>(),
        tensor<T>({n.shape.in}, shift).template data<T>(), dx.mutable_data<T>());
    gradients.add(0, std::move(dx));
  }
  gradients.add(1, tensor<T>({n.shape.in}, dgamma));
  gradients.add(2, Tensor::zeros({n.shape.in}, dtype));
  gradients.add(3, tensor<T>({n.shape.out, g.in, 1, 1}, dweight));
  gradients.add(4, tensor<T>({n.shape.out}, dgamma_after));
  gradients.add(5, sums);
  if (gradients.needs(6)) gradients.add(6, passed);
}

}  // namespace

Tensor norm_conv_norm(const Tensor& x, const BatchNormOf& before, const Tensor& weight,
                      int64_t groups, const BatchNormOf& after, Activation activation,
                      const Tensor& residual) {
  const kernels::ConvShape s = detail::conv_shape(x, weight, {}, {.groups = groups});
  check(kernels::is_pointwise(s), "norm_conv_norm: the weight", weight.shape(),
        " is not 1x1; use batch_norm() and conv2d_batch_norm()");
  const Tensor none;
  detail::check_batch_norm(x, before.gamma, before.beta, before.epsilon,
                           {.activation = Activation::none, .residual = none});
  Tensor y({s.batch, s.height, s.width, s.out}, x.dtype());
  detail::check_batch_norm(y, after.gamma, after.beta, after.epsilon,
                           {.activation = activation, .residual = residual});

  const bool relu = activation == Activation::relu;
  Composed n{.shape = s,
             .x = x,
             .y = relu ? y : Tensor(),
             .folded = {},
             .weight = numbers(weight),
             .gamma = numbers(before.gamma),
             .r = {},
             .gamma_after = numbers(after.gamma),
             .q = {},
             .mean = {},
             .u = {},
             .u_covariance = {},
             .pixels = s.batch * s.height * s.width};
  const Grouped g = n.grouped();
  const Numbers beta = numbers(before.beta);
  dispatch_real(x.dtype(), "norm_conv_norm", [&]<class T>() {
    kernels::ChannelMoments moments =
        kernels::channel_moments<T>(n.pixels, s.in, s.in_per_group(), x.data<T>());
    const Numbers &mean = moments.mean, &covariance = moments.covariance;
    Numbers variance(mean.size()), mean_after(n.gamma_after.size()), variance_after(mean_after);
    for (size_t c = 0; c < mean.size(); ++c)
      variance[c] = covariance[c * static_cast<size_t>(g.in) + c % static_cast<size_t>(g.in)];
    n.r = inverse_deviations(variance, before.epsilon);
    n.u = n.weight;
    g.for_each([&](size_t row, size_t at, size_t channel) {
      n.u[at] *= n.gamma[channel] * n.r[channel];
      mean_after[row] += n.weight[at] * beta[channel];
    });
    n.u_covariance = times_squares(g, n.u, covariance);
    g.for_each([&](size_t row, size_t at, size_t) {
      variance_after[row] += n.u[at] * n.u_covariance[at];
    });
    n.q = inverse_deviations(variance_after, after.epsilon);

    Numbers v = n.u, shift = numbers(after.beta);
    g.for_each([&](size_t row, size_t at, size_t channel) {
      v[at] *= n.gamma_after[row] * n.q[row];
      shift[row] -= v[at] * mean[channel];
    });
    n.folded = tensor<T>(weight.shape(), v);
    const Tensor bias = tensor<T>({s.out}, shift);
    kernels::conv_forward<T>(s, x.data<T>(), n.folded.data<T>(),
                             {.bias = bias.data<T>(),
                              .residual = residual.defined() ? residual.data<T>() : nullptr,
                              .relu = relu},
                             y.mutable_data<T>());
    if (before.statistics)
      *before.statistics = {tensor<T>({s.in}, mean), tensor<T>({s.in}, variance)};
    if (after.statistics)
      *after.statistics = {tensor<T>({s.out}, mean_after), tensor<T>({s.out}, variance_after)};
    n.mean = std::move(moments.mean);
  });
  record("norm_conv_norm", y,
         {&x, &before.gamma, &before.beta, &weight, &after.gamma, &after.beta, &residual},
         [n = std::move(n)](const Tensor& dy, InputGradients& gradients) {
           dispatch_real(dy.dtype(), "norm_conv_norm",
                         [&]<class T>() { backward<T>(n, dy, gradients); });
         });
  return y;
}

}  // namespace papilio
