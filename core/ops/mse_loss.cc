#include "papilio/core/ops.h"
#include "papilio/core/ops/elementwise.h"

namespace papilio {

Tensor mse_loss(const Tensor& prediction, const Tensor& target) {
  check(prediction.shape() == target.shape() && prediction.dtype() == target.dtype() &&
            prediction.numel() > 0,
        "mse_loss: prediction ", prediction, " and target ", target,
        " need one shape, not empty, and one dtype; reshape() or convert one with to()");
  const int64_t count = prediction.numel();
  Tensor loss({}, real_of(prediction.dtype()));
  dispatch_floating(prediction.dtype(), "mse_loss", [&]<class T>() {
    using Real = real_type<T>;
    const Buffer squares(static_cast<size_t>(count) * sizeof(Real));
    detail::map(prediction.data<T>(), target.data<T>(), squares.as<Real>(), count,
                [](const T& p, const T& t) { return std::norm(p - t); });
    *loss.mutable_data<Real>() =
        detail::sum_run(squares.as<Real>(), count) / static_cast<Real>(count);
  });
  record("mse_loss", loss, {&prediction, &target},
         [prediction, target, count](const Tensor& dl, InputGradients& gradients) {
           const double factor = 2 * dl.item() / static_cast<double>(count);
           const Tensor gradient = scale(sub(prediction, target), factor);
           gradients.add(0, gradient);
           if (gradients.needs(1)) gradients.add(1, scale(gradient, -1));
         });
  return loss;
}

}  // namespace papilio
