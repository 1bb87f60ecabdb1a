#include "papilio/layers/derived_tensor.h"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "papilio/core/tape.h"

namespace papilio {

struct DerivedTensor::State {
  std::mutex mutex;
  std::vector<std::pair<const void*, uint64_t>> key;  // storage and version of every source
  Tensor kept;
};

DerivedTensor::DerivedTensor() : state_(std::make_unique<State>()) {}
DerivedTensor::~DerivedTensor() = default;
DerivedTensor::DerivedTensor(DerivedTensor&&) noexcept = default;
DerivedTensor& DerivedTensor::operator=(DerivedTensor&&) noexcept = default;

Tensor DerivedTensor::get(std::initializer_list<Parameter> sources,
                          const std::function<Tensor()>& make) const {
  std::vector<std::pair<const void*, uint64_t>> key;
  bool wanted = false;
  for (const Parameter& source : sources) {
    const Tensor* value = &source.value();
    key.emplace_back(value->raw(), value->version());
    wanted |= recorded({&value, 1});
  }
  if (wanted) return make();
  const std::lock_guard lock(state_->mutex);
  if (!state_->kept.defined() || state_->key != key) {
    const NoTape guard;
    state_->kept = make();
    state_->key = std::move(key);
  }
  return state_->kept;
}

}  // namespace papilio
