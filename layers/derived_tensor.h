// DerivedTensor: what inference needs again and again, made once from parameters and buffers.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <span>

#include "papilio/core/parameter.h"
#include "papilio/core/tensor.h"

namespace papilio {

/// A tensor computed from parameters and buffers, such as the untied twiddle of tied ones, and kept
/// for as long as none of them is written. Threads may share it.
class DerivedTensor {
 public:
  DerivedTensor();
  ~DerivedTensor();
  DerivedTensor(DerivedTensor&&) noexcept;
  DerivedTensor& operator=(DerivedTensor&&) noexcept;

  /// make(), recorded, when a tape here wants the gradient of one of the sources; the kept tensor
  /// otherwise. A source may be undefined.
  Tensor get(std::span<const Tensor> sources, const std::function<Tensor()>& make) const;
  Tensor get(std::initializer_list<Tensor> sources, const std::function<Tensor()>& make) const {
    return get(std::span(sources.begin(), sources.size()), make);
  }

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace papilio
