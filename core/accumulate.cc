#include "papilio/core/accumulate.h"

namespace papilio::detail {

void accumulate(Tensor& total, Tensor term) {
  if (!total.defined()) {
    total = std::move(term);
    return;
  }
  if (!total.unique() && term.unique())
    std::swap(total, term);  // addition commutes, to the last bit
  dispatch_floating(total.dtype(), "gradient", [&]<class T>() {
    const T* a = total.data<T>();
    const T* b = term.data<T>();
    const bool in_place = total.unique();
    Tensor sum = in_place ? std::move(total) : Tensor(term.shape(), term.dtype());
    T* out = sum.mutable_data<T>();
    for (int64_t i = 0, n = sum.numel(); i < n; ++i) out[i] = a[i] + b[i];
    total = std::move(sum);
  });
}

}  // namespace papilio::detail
