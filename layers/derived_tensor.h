// DerivedTensor: what inference needs again and again, made once from parameters and buffers.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <span>

#include "papilio/core/parameter.h"
#include "papilio/core/tensor.h"

namespace papilio {

/// What a tensor held. The handle keeps the storage, so that no other gets its address.
struct HeldTensor {
  explicit HeldTensor(const Tensor& tensor)
      : value(tensor), version(tensor.defined() ? tensor.version() : 0) {}
  /// Whether `now` is that tensor and has not been written since; both may be undefined.
  bool is(const Tensor& now) const {
    if (!value.defined() || !now.defined()) return value.defined() == now.defined();
    return value.shares_storage_with(now) && version == now.version();
  }

  Tensor value;
  uint64_t version;
};

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
