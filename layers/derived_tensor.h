// DerivedTensor: what inference needs again and again, made once from parameters.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <span>

#include "papilio/core/parameter.h"

namespace papilio {

/// A tensor computed from parameters, such as the untied twiddle of tied ones, and kept for as long
/// as no parameter is written. Threads may share it.
class DerivedTensor {
 public:
  DerivedTensor();
  ~DerivedTensor();
  DerivedTensor(DerivedTensor&&) noexcept;
  DerivedTensor& operator=(DerivedTensor&&) noexcept;

  /// make(), recorded, when a tape here wants the gradient of one of the sources; the kept tensor
  /// otherwise.
  Tensor get(std::span<const Parameter> sources, const std::function<Tensor()>& make) const;
  Tensor get(std::initializer_list<Parameter> sources, const std::function<Tensor()>& make) const {
    return get(std::span(sources.begin(), sources.size()), make);
  }

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace papilio
