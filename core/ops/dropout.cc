#include "papilio/core/ops.h"
#include "papilio/core/ops/elementwise.h"

namespace papilio {
namespace {

// The mask is a function of the key, so that backward makes it again instead of keeping it.
Tensor masked(const Tensor& x, double probability, Rng key) {
  Tensor y(x.shape(), x.dtype());
  dispatch_floating(x.dtype(), "dropout", [&]<class T>() {
    const T* in = x.data<T>();
    T* out = y.mutable_data<T>();
    const auto factor = static_cast<real_type<T>>(1 / (1 - probability));
    parallel_for(
        x.numel(),
        [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i)
            out[i] = key.uniform(static_cast<uint64_t>(i)) < probability ? T{} : in[i] * factor;
        },
        detail::kGrain / 8);
  });
  return y;
}

}  // namespace

Tensor dropout(const Tensor& x, double probability, Rng key) {
  check(probability >= 0 && probability < 1, "dropout: the probability is ", probability,
        ", expected a number in [0, 1)");
  Tensor y = masked(x, probability, key);
  record("dropout", y, {&x}, [probability, key](const Tensor& dy, InputGradients& dx) {
    dx.add(0, masked(dy, probability, key));
  });
  return y;
}

}  // namespace papilio
