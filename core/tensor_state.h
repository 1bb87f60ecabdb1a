// What a Tensor handle points to. For tensor.cc, tape.cc, saved.cc and parameter.cc only.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "papilio/core/kept.h"
#include "papilio/core/memory.h"
#include "papilio/core/tensor.h"

namespace papilio::detail {

struct Storage {
  explicit Storage(size_t bytes) : buffer(bytes) {}
  Buffer buffer;
  std::atomic<uint64_t> version{0};
  // For kept_with(): what was made of the numbers as of kept_version.
  std::mutex kept_mutex;
  uint64_t kept_version = 0;
  std::vector<std::pair<KeptKey, std::shared_ptr<const void>>> kept;
};

struct ParameterState;
struct Recipe;

struct TensorState {
  Shape shape;
  DType dtype;
  std::shared_ptr<Storage> storage;
  // The tape that recorded the op which made this tensor, and the tensor's slot there; 0 when none
  // did.
  uint64_t tape = 0;
  int32_t slot = -1;
  // The parameter whose value this is.
  std::weak_ptr<ParameterState> parameter;
  // How the op that made this would do it again.
  std::weak_ptr<const Recipe> recipe;
};

}  // namespace papilio::detail
