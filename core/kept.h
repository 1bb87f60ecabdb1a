// kept_with: what is made of a tensor's numbers once and used many times, such as packed twiddles
// and factors of a normalisation.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>

#include "papilio/core/tensor.h"

namespace papilio {

/// Tells apart the things kept with one tensor.
using KeptKey = std::array<int64_t, 6>;

namespace detail {
std::shared_ptr<const void> kept_with(const Tensor& tensor, const KeptKey& key,
                                      const std::function<std::shared_ptr<const void>()>& make);
}

/// make(), or what it made before for the same storage and key, as long as the storage has not been
/// written since. `make` gives a shared_ptr<const Value>; one key always stands for one type.
/// Threads may share a tensor: they then wait for the one that makes.
template <class Value>
std::shared_ptr<const Value> kept_with(const Tensor& tensor, const KeptKey& key,
                                       const std::function<std::shared_ptr<const void>()>& make) {
  return std::static_pointer_cast<const Value>(detail::kept_with(tensor, key, make));
}

}  // namespace papilio
