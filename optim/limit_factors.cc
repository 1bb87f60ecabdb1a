#include "papilio/optim/limit_factors.h"

#include <cmath>
#include <complex>

namespace papilio::optim {
namespace {

template <class T>
void limit(T* values, int64_t count, double most) {
  double squares = 0;
  for (int64_t i = 0; i < count; ++i) squares += static_cast<double>(std::norm(values[i]));
  const double size = std::sqrt(squares / static_cast<double>(count));
  if (!(size > most)) return;
  const auto factor = static_cast<real_type<T>>(most / size);
  for (int64_t i = 0; i < count; ++i) values[i] *= factor;
}

}  // namespace

void limit_factors(const std::vector<Parameter>& parameters) {
  for (Parameter p : parameters) {
    const int axis = p.hints().rows_axis;
    if (!p.hints().structured || axis < 0 || p.frozen() || p.value().numel() == 0) continue;
    const Shape& shape = p.value().shape();
    int64_t factors = 1, columns = 1;
    for (int i = 0; i + 1 < axis; ++i) factors *= shape[i];
    for (int64_t i = axis + 1; i < shape.rank(); ++i) columns *= shape[i];
    const int64_t count = p.value().numel() / factors;
    dispatch_floating(p.value().dtype(), "limit_factors", [&]<class T>() {
      T* values = p.mutable_value().mutable_data<T>();
      for (int64_t i = 0; i < factors; ++i)
        limit(values + i * count, count, 1 / std::sqrt(static_cast<double>(columns)));
    });
  }
}

}  // namespace papilio::optim
