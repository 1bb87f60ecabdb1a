#include <cmath>

#include "papilio/core/kernels/norm.h"
#include "papilio/core/ops.h"

namespace papilio {
namespace {

void check_batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon) {
  check(x.rank() >= 2 && x.dim(-1) >= 1 && x.shape().leading().numel() >= 1, "batch_norm: x is ", x,
        ", expected [..., channels] with at least one channel and one value of each");
  for (const Tensor* t : {&gamma, &beta})
    check(t->shape() == Shape{x.dim(-1)} && t->dtype() == x.dtype(),
          "batch_norm: ", t == &gamma ? "gamma" : "beta", " is ", *t, ", expected [", x.dim(-1),
          "] ", x.dtype(), " to fit x ", x);
  check(epsilon >= 0, "batch_norm: epsilon = ", epsilon, ", expected a number >= 0");
}

template <class T>
T inverse_deviation(T variance, double epsilon) {
  return static_cast<T>(1 / std::sqrt(static_cast<double>(variance) + epsilon));
}

/// Normalises with `statistics`, of this batch (`own`) or given ones.
Tensor normalise(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                 const BatchStatistics& statistics, bool own) {
  const int64_t channels = x.dim(-1), rows = x.numel() / channels;
  Tensor y(x.shape(), x.dtype()), inverse({channels}, x.dtype());
  const Tensor mean =
      own ? statistics.mean : statistics.mean.clone();  // a running mean may be updated meanwhile
  dispatch_real(x.dtype(), "batch_norm", [&]<class T>() {
    Tensor factor({channels}, x.dtype());
    T *r = inverse.mutable_data<T>(), *f = factor.mutable_data<T>();
    for (int64_t c = 0; c < channels; ++c) {
      r[c] = inverse_deviation(statistics.variance.data<T>()[c], epsilon);
      f[c] = r[c] * gamma.data<T>()[c];
    }
    kernels::scale_channels<T>(rows, channels, x.data<T>(), mean.data<T>(), f, beta.data<T>(),
                               y.mutable_data<T>());
  });
  record(
      "batch_norm", y, {&x, &gamma, &beta},
      [x, gamma, mean, inverse, rows, channels, own](const Tensor& dy, InputGradients& gradients) {
        dispatch_real(dy.dtype(), "batch_norm", [&]<class T>() {
          Tensor dgamma = Tensor::zeros({channels}, dy.dtype()), dbeta = dgamma.clone();
          T *dg = dgamma.mutable_data<T>(), *db = dbeta.mutable_data<T>();
          const T *r = inverse.data<T>(), *g = gamma.data<T>();
          if (own || gradients.needs(1) || gradients.needs(2))
            kernels::channel_gradient_sums<T>(rows, channels, x.data<T>(), mean.data<T>(),
                                              dy.data<T>(), db, dg);
          for (int64_t c = 0; c < channels; ++c) dg[c] *= r[c];
          if (gradients.needs(0)) {
            // dx = gamma r (dy - mean(dy) - x^ mean(dy x^)), where x^ = (x - mean) r; the means
            // only when they depend on x.
            Tensor factors({3, channels}, dy.dtype()), dx(x.shape(), x.dtype());
            T *of_dy = factors.mutable_data<T>(), *of_x = of_dy + channels,
              *shift = of_x + channels;
            const T share = own ? T(1) / static_cast<T>(rows) : T(0);
            for (int64_t c = 0; c < channels; ++c) {
              of_dy[c] = g[c] * r[c];
              of_x[c] = -of_dy[c] * r[c] * dg[c] * share;
              shift[c] = -of_dy[c] * db[c] * share;
            }
            kernels::channel_gradient<T>(rows, channels, x.data<T>(), mean.data<T>(), dy.data<T>(),
                                         of_dy, of_x, shift, dx.mutable_data<T>());
            gradients.add(0, dx);
          }
          gradients.add(1, dgamma);
          gradients.add(2, dbeta);
        });
      });
  return y;
}

}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                  BatchStatistics* statistics) {
  check_batch_norm(x, gamma, beta, epsilon);
  const int64_t channels = x.dim(-1);
  BatchStatistics own{.mean = Tensor({channels}, x.dtype()),
                      .variance = Tensor({channels}, x.dtype())};
  dispatch_real(x.dtype(), "batch_norm", [&]<class T>() {
    kernels::channel_statistics<T>(x.numel() / channels, channels, x.data<T>(),
                                   own.mean.mutable_data<T>(), own.variance.mutable_data<T>());
  });
  Tensor y = normalise(x, gamma, beta, epsilon, own, true);
  if (statistics) *statistics = own;
  return y;
}

Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                  const BatchStatistics& statistics) {
  check_batch_norm(x, gamma, beta, epsilon);
  for (const Tensor* t : {&statistics.mean, &statistics.variance})
    check(t->shape() == Shape{x.dim(-1)} && t->dtype() == x.dtype(), "batch_norm: the given ",
          t == &statistics.mean ? "mean" : "variance", " is ", *t, ", expected [", x.dim(-1), "] ",
          x.dtype(), " to fit x ", x);
  return normalise(x, gamma, beta, epsilon, statistics, false);
}

}  // namespace papilio
