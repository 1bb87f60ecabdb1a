#include <cmath>

#include "papilio/core/kernels/norm.h"
#include "papilio/core/ops.h"
#include "papilio/core/saved.h"

namespace papilio {
namespace {

/// What follows the normalisation in the same pass: an addition and an activation.
struct End {
  Activation activation;
  const Tensor& residual;
};

void check_batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                      const End& end) {
  check(x.rank() >= 2 && x.dim(-1) >= 1 && x.shape().leading().numel() >= 1, "batch_norm: x is ", x,
        ", expected [..., channels] with at least one channel and one value of each");
  for (const Tensor* t : {&gamma, &beta})
    check(t->shape() == Shape{x.dim(-1)} && t->dtype() == x.dtype(),
          "batch_norm: ", t == &gamma ? "gamma" : "beta", " is ", *t, ", expected [", x.dim(-1),
          "] ", x.dtype(), " to fit x ", x);
  check(epsilon >= 0, "batch_norm: epsilon = ", epsilon, ", expected a number >= 0");
  check(!end.residual.defined() ||
            (end.residual.shape() == x.shape() && end.residual.dtype() == x.dtype()),
        "batch_norm: the residual is ", end.residual, ", expected the shape and dtype of x ", x);
}

template <class T>
T inverse_deviation(T variance, double epsilon) {
  return static_cast<T>(1 / std::sqrt(static_cast<double>(variance) + epsilon));
}

/// What the backward pass needs of a forward pass.
struct Normalised {
  Saved x;
  Tensor gamma, mean, inverse;
  Tensor factor, beta;  ///< with relu
  Saved y;              ///< with relu after a residual
  bool own;             ///< the statistics are those of x
  Recipe recipe;

  template <class T>
  kernels::ReluGate<T> gate() const {
    if (y.defined()) return {.y = y.get().data<T>()};
    if (factor.defined()) return {.factor = factor.data<T>(), .shift = beta.data<T>()};
    return {};
  }
};

/// dx = gamma r (dy - mean(dy) - x^ mean(dy x^)), where x^ = (x - mean) r; the means only when they
/// depend on x. dbeta and dgamma are sum(dy) and sum(dy x^).
template <class T>
void gradient_of_x(const Normalised& n, const Tensor& dy, const kernels::ReluGate<T>& gate,
                   const T* dgamma, const T* dbeta, Tensor& dx) {
  const int64_t channels = n.gamma.numel(), rows = dy.numel() / channels;
  Tensor factors({3, channels}, dy.dtype());
  T *of_dy = factors.mutable_data<T>(), *of_x = of_dy + channels, *shift = of_x + channels;
  const T *r = n.inverse.data<T>(), *g = n.gamma.data<T>();
  const T share = n.own ? T(1) / static_cast<T>(rows) : T(0);
  for (int64_t c = 0; c < channels; ++c) {
    of_dy[c] = g[c] * r[c];
    of_x[c] = -of_dy[c] * r[c] * dgamma[c] * share;
    shift[c] = -of_dy[c] * dbeta[c] * share;
  }
  kernels::channel_gradient<T>(rows, channels, n.x.get().data<T>(), n.mean.data<T>(), dy.data<T>(),
                               of_dy, of_x, shift, dx.mutable_data<T>(), gate);
}

template <class T>
void backward(const Normalised& n, const Tensor& dy, InputGradients& gradients) {
  const int64_t channels = n.gamma.numel(), rows = dy.numel() / channels;
  Tensor dgamma = Tensor::zeros({channels}, dy.dtype()), dbeta = dgamma.clone();
  T *dg = dgamma.mutable_data<T>(), *db = dbeta.mutable_data<T>();
  kernels::ReluGate<T> gate = n.gate<T>();
  const bool of_x = gradients.needs(0), of_residual = gradients.needs(3);
  const Tensor place =
      gate.y || (of_x && !of_residual) ? InputGradients::in_place_of(dy) : Tensor();
  Tensor passed = gate.y ? place : dy;  // what relu let through, which is the residual's gradient
  if (n.own || gate.y || gradients.needs(1) || gradients.needs(2))
    kernels::channel_gradient_sums<T>(rows, channels, n.x.get().data<T>(), n.mean.data<T>(),
                                      dy.data<T>(), db, dg, gate,
                                      gate.y ? passed.mutable_data<T>() : nullptr);
  if (gate.y) gate = {};
  for (int64_t c = 0; c < channels; ++c) dg[c] *= n.inverse.data<T>()[c];
  if (of_x) {
    Tensor dx = of_residual ? Tensor(dy.shape(), dy.dtype()) : place;
    gradient_of_x<T>(n, passed, gate, dg, db, dx);
    gradients.add(0, std::move(dx));
  }
  gradients.add(1, dgamma);
  gradients.add(2, dbeta);
  if (of_residual) gradients.add(3, std::move(passed));
}

template <class T>
const T* data_or_null(const Tensor& t) {
  return t.defined() ? t.data<T>() : nullptr;
}

Tensor scaled(const Tensor& x, const Tensor& mean, const Tensor& factor, const Tensor& beta,
              const End& end) {
  Tensor y(x.shape(), x.dtype());
  dispatch_real(x.dtype(), "batch_norm", [&]<class T>() {
    kernels::scale_channels<T>(x.numel() / beta.numel(), beta.numel(), x.data<T>(), mean.data<T>(),
                               factor.data<T>(), beta.data<T>(), data_or_null<T>(end.residual),
                               end.activation == Activation::relu, y.mutable_data<T>());
  });
  return y;
}

/// Normalises with `statistics`, of this batch (`own`) or given ones.
Tensor normalise(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                 const BatchStatistics& statistics, bool own, const End& end) {
  const int64_t channels = x.dim(-1);
  const bool relu = end.activation == Activation::relu, adds = end.residual.defined();
  Tensor inverse({channels}, x.dtype()), factor({channels}, x.dtype());
  const Tensor mean =
      own ? statistics.mean : statistics.mean.clone();  // a running mean may be updated meanwhile
  dispatch_real(x.dtype(), "batch_norm", [&]<class T>() {
    T *r = inverse.mutable_data<T>(), *f = factor.mutable_data<T>();
    for (int64_t c = 0; c < channels; ++c) {
      r[c] = inverse_deviation(statistics.variance.data<T>()[c], epsilon);
      f[c] = r[c] * gamma.data<T>()[c];
    }
  });
  Tensor y = scaled(x, mean, factor, beta, end);
  // x is kept anyway. A residual would take the place of y, which only a ReLU makes us keep.
  const Saved sources[] = {x, end.residual};
  Recipe recipe;
  if (relu || !adds)
    recipe = recomputable(
        y, sources,
        [x = sources[0], residual = sources[1], mean, factor, beta, activation = end.activation] {
          const Tensor added = residual.get();
          return scaled(x.get(), mean, factor, beta, {activation, added});
        });
  const Normalised n{.x = sources[0],
                     .gamma = gamma,
                     .mean = mean,
                     .inverse = inverse,
                     .factor = relu && !adds ? factor : Tensor(),
                     .beta = relu && !adds ? beta : Tensor(),
                     .y = relu && adds ? y : Saved(),
                     .own = own,
                     .recipe = recipe};
  record("batch_norm", y, {&x, &gamma, &beta, &end.residual},
         [n](const Tensor& dy, InputGradients& gradients) {
           dispatch_real(dy.dtype(), "batch_norm",
                         [&]<class T>() { backward<T>(n, dy, gradients); });
         });
  return y;
}

}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                  BatchStatistics* statistics, Activation activation, const Tensor& residual) {
  const End end{.activation = activation, .residual = residual};
  check_batch_norm(x, gamma, beta, epsilon, end);
  const int64_t channels = x.dim(-1);
  BatchStatistics own{.mean = Tensor({channels}, x.dtype()),
                      .variance = Tensor({channels}, x.dtype())};
  dispatch_real(x.dtype(), "batch_norm", [&]<class T>() {
    kernels::channel_statistics<T>(x.numel() / channels, channels, x.data<T>(),
                                   own.mean.mutable_data<T>(), own.variance.mutable_data<T>());
  });
  Tensor y = normalise(x, gamma, beta, epsilon, own, true, end);
  if (statistics) *statistics = own;
  return y;
}

Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                  const BatchStatistics& statistics, Activation activation,
                  const Tensor& residual) {
  const End end{.activation = activation, .residual = residual};
  check_batch_norm(x, gamma, beta, epsilon, end);
  for (const Tensor* t : {&statistics.mean, &statistics.variance})
    check(t->shape() == Shape{x.dim(-1)} && t->dtype() == x.dtype(), "batch_norm: the given ",
          t == &statistics.mean ? "mean" : "variance", " is ", *t, ", expected [", x.dim(-1), "] ",
          x.dtype(), " to fit x ", x);
  return normalise(x, gamma, beta, epsilon, statistics, false, end);
}

}  // namespace papilio
