// The loop of every optimizer: one fused pass over a parameter, its gradient and its state. For
// optim/*.cc only.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "papilio/core/threads.h"
#include "papilio/optim/optimizer.h"

namespace papilio::optim {

/// The elements of a real tensor, or the parts of a complex one: T is float or double.
template <class T>
T* mutable_reals(Tensor& tensor) {
  return static_cast<T*>(tensor.mutable_raw());
}
template <class T>
const T* reals(const Tensor& tensor) {
  return static_cast<const T*>(tensor.raw());
}
inline int64_t real_count(const Tensor& tensor) {
  return tensor.numel() * (is_complex(tensor.dtype()) ? 2 : 1);
}

/// At least so many real numbers for a thread of its own.
inline constexpr int64_t kGrain = 1 << 14;

template <class T, class Element, class... Slot>
void update_range(int64_t begin, int64_t end, const Element& element, T* __restrict value,
                  const T* __restrict gradient, Slot* __restrict... slots) {
  for (int64_t i = begin; i < end; ++i) element(value[i], gradient[i], slots[i]...);
}

/// Calls element(p, g, slot...) for every real number, with references to p and the slots. `make`
/// is the factory of that function, a template over the number type: [&]<class T>() { return [=](T&
/// p, T g, T& m) { ... }; }.
template <size_t Slots, class Make>
void update_elements(const ParameterUpdate& update, std::string_view optimizer, const Make& make) {
  dispatch_real(real_of(update.value.dtype()), optimizer, [&]<class T>() {
    const auto element = make.template operator()<T>();
    [&]<size_t... I>(std::index_sequence<I...>) {
      T* const value = mutable_reals<T>(update.value);
      const T* const gradient = reals<T>(update.gradient);
      const std::array<T*, Slots> slots{mutable_reals<T>(update.slots[I])...};
      parallel_for(
          real_count(update.value),
          [&](int64_t begin, int64_t end) {
            update_range(begin, end, element, value, gradient, slots[I]...);
          },
          kGrain);
    }
    (std::make_index_sequence<Slots>());
  });
}

}  // namespace papilio::optim
