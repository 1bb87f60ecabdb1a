#include "papilio/core/kernels/softmax.h"
#include "papilio/core/ops.h"

namespace papilio {
namespace {

void check_cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing) {
  check(logits.rank() == 2 && logits.dim(0) >= 1 && logits.dim(1) >= 1,
        "cross_entropy: the logits are ", logits, ", expected [batch, classes], both at least 1");
  check(labels.dtype() == DType::i64 && labels.shape() == Shape{logits.dim(0)},
        "cross_entropy: the labels are ", labels, ", expected [", logits.dim(0),
        "] i64, one for each row of the logits", logits.shape());
  check(label_smoothing >= 0 && label_smoothing < 1,
        "cross_entropy: label_smoothing = ", label_smoothing, ", expected a number in [0, 1)");
  const int64_t classes = logits.dim(1);
  const auto values = labels.span<int64_t>();
  for (size_t i = 0; i < values.size(); ++i)
    check(values[i] >= 0 && values[i] < classes, "cross_entropy: label ", i, " is ", values[i],
          ", but there are ", classes, " classes: labels lie in 0 .. ", classes - 1,
          "; correct the labels or give the model more classes");
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing) {
  check_cross_entropy(logits, labels, label_smoothing);
  const kernels::CrossEntropy shape{
      .rows = logits.dim(0), .classes = logits.dim(1), .label_smoothing = label_smoothing};
  Tensor loss({}, logits.dtype());
  Tensor log_sums({shape.rows}, logits.dtype());
  dispatch_real(logits.dtype(), "cross_entropy", [&]<class T>() {
    *loss.mutable_data<T>() = kernels::cross_entropy<T>(
        shape, logits.data<T>(), labels.data<int64_t>(), log_sums.mutable_data<T>());
  });
  record("cross_entropy", loss, {&logits, &labels},
         [logits, labels, log_sums, shape](const Tensor& dloss, InputGradients& gradients) {
           Tensor dx(logits.shape(), logits.dtype());
           dispatch_real(logits.dtype(), "cross_entropy", [&]<class T>() {
             kernels::cross_entropy_backward<T>(shape, logits.data<T>(), labels.data<int64_t>(),
                                                log_sums.data<T>(), *dloss.data<T>(),
                                                dx.mutable_data<T>());
           });
           gradients.add(0, dx);
         });
  return loss;
}

}  // namespace papilio
