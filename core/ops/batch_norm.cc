#include <cmath>

#include "papilio/core/ops/normalised.h"

namespace papilio {
namespace detail {
namespace {

template <class T>
T inverse_deviation(T variance, double epsilon) {
  return static_cast<T>(1 / std::sqrt(static_cast<double>(variance) + epsilon));
}

template <class T>
const T* data_or_null(const Tensor& t) {
  return t.defined() ? t.data<T>() : nullptr;
}

Tensor scaled(const Tensor& x, const Tensor& mean, const Tensor& factor, const Tensor& beta,
              const NormEnd& end) {
  Tensor y(x.shape(), x.dtype());
  dispatch_real(x.dtype(), "batch_norm", [&]<class T>() {
    kernels::scale_channels<T>(x.numel() / beta.numel(), beta.numel(), x.data<T>(), mean.data<T>(),
                               factor.data<T>(), beta.data<T>(), data_or_null<T>(end.residual),
                               end.activation == Activation::relu, y.mutable_data<T>());
  });
  return y;
}

template <class T>
kernels::ReluGate<T> gate_of(const Normalised& n) {
  if (n.y.defined()) return {.y = n.y.get().data<T>()};
  if (n.factor.defined()) return {.factor = n.factor.data<T>(), .shift = n.beta.data<T>()};
  return {};
}

/// What the gradient of x multiplies dy and x - mean by, and adds: [3, channels].
template <class T>
Tensor gradient_factors(const Normalised& n, int64_t rows, const T* dgamma, const T* dbeta) {
  const int64_t channels = n.gamma.numel();
  Tensor factors({3, channels}, n.gamma.dtype());
  T *of_dy = factors.mutable_data<T>(), *of_x = of_dy + channels, *shift = of_x + channels;
  const T *r = n.inverse.data<T>(), *g = n.gamma.data<T>();
  const T share = n.own ? T(1) / static_cast<T>(rows) : T(0);
  for (int64_t c = 0; c < channels; ++c) {
    of_dy[c] = g[c] * r[c];
    of_x[c] = -of_dy[c] * r[c] * dgamma[c] * share;
    shift[c] = -of_dy[c] * dbeta[c] * share;
  }
  return factors;
}

}  // namespace

void check_batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                      const NormEnd& end) {
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

NormResult normalise(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                     const BatchStatistics& statistics, bool own, const NormEnd& end) {
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
  papilio::Recipe recipe;
  if (relu || !adds)
    recipe = recomputable(
        y, sources,
        [x = sources[0], residual = sources[1], mean, factor, beta, activation = end.activation] {
          const Tensor added = residual.get();
          return scaled(x.get(), mean, factor, beta, {activation, added});
        });
  Normalised n{.x = sources[0],
               .gamma = gamma,
               .mean = mean,
               .inverse = inverse,
               .factor = relu && !adds ? factor : Tensor(),
               .beta = relu && !adds ? beta : Tensor(),
               .y = relu && adds ? y : Saved(),
               .own = own,
               .recipe = recipe};
  return {y, n};
}

template <class T>
NormGradient<T>::NormGradient(const Normalised& n, const Tensor& dy, const NormNeeds& needs,
                              const Tensor& place)
    : from_(n.x.get()), mean_(n.mean), passed_(dy), gate_(gate_of<T>(n)) {
  const int64_t channels = n.gamma.numel(), rows = dy.numel() / channels;
  dgamma_ = Tensor::zeros({channels}, dy.dtype()), dbeta_ = dgamma_.clone();
  T *dg = dgamma_.mutable_data<T>(), *db = dbeta_.mutable_data<T>();
  if (gate_.y) passed_ = place;
  if (n.own || gate_.y || needs.parameters)
    kernels::channel_gradient_sums<T>(rows, channels, from_.data<T>(), mean_.data<T>(),
                                      dy.data<T>(), db, dg, gate_,
                                      gate_.y ? passed_.mutable_data<T>() : nullptr);
  if (gate_.y) gate_ = {};
  for (int64_t c = 0; c < channels; ++c) dg[c] *= n.inverse.data<T>()[c];
  if (needs.x) factors_ = gradient_factors<T>(n, rows, dg, db);
}

template <class T>
void NormGradient<T>::x(int64_t first, int64_t count, T* to) const {
  const int64_t channels = mean_.numel(), at = first * channels;
  const T* factors = factors_.data<T>();
  kernels::channel_gradient<T>(count, channels, from_.data<T>() + at, mean_.data<T>(),
                               passed_.data<T>() + at, factors, factors + channels,
                               factors + 2 * channels, to, gate_);
}

template class NormGradient<float>;
template class NormGradient<double>;

}  // namespace detail

namespace {

using detail::NormEnd;

template <class T>
void backward(const detail::Normalised& n, const Tensor& dy, InputGradients& gradients) {
  const bool of_x = gradients.needs(0), of_residual = gradients.needs(3);
  const Tensor place =
      n.y.defined() || (of_x && !of_residual) ? InputGradients::in_place_of(dy) : Tensor();
  const detail::NormGradient<T> gradient(
      n, dy,
      {.x = of_x, .parameters = gradients.needs(1) || gradients.needs(2), .residual = of_residual},
      place);
  if (of_x) {
    Tensor dx = of_residual ? Tensor(dy.shape(), dy.dtype()) : place;
    gradient.x(0, dy.numel() / n.gamma.numel(), dx.mutable_data<T>());
    gradients.add(0, std::move(dx));
  }
  gradients.add(1, gradient.gamma());
  gradients.add(2, gradient.beta());
  if (of_residual) gradients.add(3, gradient.residual());
}

/// Normalises and records it.
Tensor recorded_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                     const BatchStatistics& statistics, bool own, const NormEnd& end) {
  auto [y, n] = detail::normalise(x, gamma, beta, epsilon, statistics, own, end);
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
  const NormEnd end{.activation = activation, .residual = residual};
  detail::check_batch_norm(x, gamma, beta, epsilon, end);
  const int64_t channels = x.dim(-1);
  BatchStatistics own{.mean = Tensor({channels}, x.dtype()),
                      .variance = Tensor({channels}, x.dtype())};
  dispatch_real(x.dtype(), "batch_norm", [&]<class T>() {
    kernels::channel_statistics<T>(x.numel() / channels, channels, x.data<T>(),
                                   own.mean.mutable_data<T>(), own.variance.mutable_data<T>());
  });
  Tensor y = recorded_norm(x, gamma, beta, epsilon, own, true, end);
  if (statistics) *statistics = own;
  return y;
}

Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                  const BatchStatistics& statistics, Activation activation,
                  const Tensor& residual) {
  const NormEnd end{.activation = activation, .residual = residual};
  detail::check_batch_norm(x, gamma, beta, epsilon, end);
  for (const Tensor* t : {&statistics.mean, &statistics.variance})
    check(t->shape() == Shape{x.dim(-1)} && t->dtype() == x.dtype(), "batch_norm: the given ",
          t == &statistics.mean ? "mean" : "variance", " is ", *t, ", expected [", x.dim(-1), "] ",
          x.dtype(), " to fit x ", x);
  return recorded_norm(x, gamma, beta, epsilon, statistics, false, end);
}

}  // namespace papilio
