#include "papilio/core/ops.h"
#include "papilio/core/ops/elementwise.h"

namespace papilio {

Tensor mse_loss(const Tensor& prediction, const Tensor& target) {
  check(prediction.shape() == target.shape() && prediction.dtype() == target.dtype() &&
            prediction.numel() > 0,
        "mse_loss: prediction ", prediction, " and target ", target,
        " need one shape, not empty, and one dtype");
  Tensor loss({}, real_of(prediction.dtype()));
  const auto count = static_cast<double>(prediction.numel());
  dispatch_floating(prediction.dtype(), "mse_loss", [&]<class T>() {
    using Real = std::remove_cvref_t<decltype(std::real(T{}))>;
    const Buffer squares(static_cast<size_t>(prediction.numel()) * sizeof(Real));
    detail::map(prediction.data<T>(), target.data<T>(), squares.as<Real>(), prediction.numel(),
                [](const T& p, const T& t) { return std::norm(p - t); });
    *loss.mutable_data<Real>() =
        detail::sum_run(squares.as<Real>(), prediction.numel()) / static_cast<Real>(count);
  });
  record("mse_loss", loss, {&prediction, &target},
         [prediction, target, count](const Tensor& dl, InputGradients& dx) {
           const double factor = 2 * dl.item() / count;
           for (const size_t i : {size_t{0}, size_t{1}})
             if (dx.needs(i)) dx.add(i, scale(sub(prediction, target), i == 0 ? factor : -factor));
         });
  return loss;
}

}  // namespace papilio
