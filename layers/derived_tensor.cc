#include "papilio/layers/derived_tensor.h"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "papilio/core/tape.h"

namespace papilio {

namespace {

// What a source held. The handle keeps the storage, so that no other gets its address.
struct Source {
  Tensor value;
  uint64_t version;

  bool operator==(const Source& other) const {
    return value.shares_storage_with(other.value) && version == other.version;
  }
};

}  // namespace

struct DerivedTensor::State {
  std::mutex mutex;
  std::vector<Source> key;
  Tensor kept;
};

DerivedTensor::DerivedTensor() : state_(std::make_unique<State>()) {}
DerivedTensor::~DerivedTensor() = default;
DerivedTensor::DerivedTensor(DerivedTensor&&) noexcept = default;
DerivedTensor& DerivedTensor::operator=(DerivedTensor&&) noexcept = default;

Tensor DerivedTensor::get(std::span<const Parameter> sources,
                          const std::function<Tensor()>& make) const {
  std::vector<Source> key;
  bool wanted = false;
  for (const Parameter& source : sources) {
    const Tensor* value = &source.value();
    key.push_back({*value, value->version()});
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
