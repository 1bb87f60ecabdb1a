// What the kernels that call oneDNN share: the engine, and a cache of primitives. Creating a
// primitive compiles code (0.2 to 0.7 ms), so a shape pays for it once. For sources of this folder
// only.
#pragma once

#include <array>
#include <cstdint>
#include <dnnl.hpp>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "papilio/core/error.h"
#include "papilio/core/memory.h"

namespace papilio::kernels::onednn {

inline const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

inline dnnl::stream& stream() {
  thread_local dnnl::stream own(engine());
  return own;
}

/// A primitive takes its scratch memory from our allocator, so that threads can share the
/// primitive.
inline dnnl::primitive_attr user_scratchpad() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

using Argument = std::pair<int, dnnl::memory>;

inline dnnl::memory memory(const dnnl::memory::desc& desc, const void* data) {
  return {desc, engine(), const_cast<void*>(data)};
}

/// Runs a primitive made with user_scratchpad(). At most eight arguments.
inline void execute(const dnnl::primitive& primitive, const dnnl::memory::desc& scratchpad,
                    std::span<const Argument> arguments) {
  const Buffer scratch(scratchpad.get_size());
  const dnnl::memory scratch_memory = memory(scratchpad, scratch.data());
  std::array<dnnl_exec_arg_t, 9> list;
  size_t count = 0;
  for (const auto& [role, argument] : arguments) list.at(count++) = {role, argument.get()};
  list.at(count++) = {DNNL_ARG_SCRATCHPAD, scratch_memory.get()};
  dnnl::error::wrap_c_api(
      dnnl_primitive_execute(primitive.get(), stream().get(), static_cast<int>(count), list.data()),
      "could not run a primitive");
}

inline void execute(const dnnl::primitive& primitive, const dnnl::memory::desc& scratchpad,
                    std::initializer_list<Argument> arguments) {
  execute(primitive, scratchpad, std::span(arguments.begin(), arguments.size()));
}

/// Calls body() and turns an error of oneDNN into one of ours.
template <class Body>
auto translate_errors(std::string_view op, Body&& body) {
  try {
    return body();
  } catch (const dnnl::error& error) {
    fail(op, ": oneDNN: ", error.what(), " (status ", static_cast<int>(error.status), ")");
  }
}

/// Values made once for each key of integers. Thread-safe; finding one takes well under a
/// microsecond.
template <class Value, size_t kKeySize>
class Cache {
 public:
  using Key = std::array<int64_t, kKeySize>;

  template <class Make>
  std::shared_ptr<const Value> find_or_make(const Key& key, Make&& make) {
    {
      const std::shared_lock lock(mutex_);
      if (const auto found = values_.find(key); found != values_.end()) return found->second;
    }
    auto made = std::make_shared<const Value>(make());
    const std::unique_lock lock(mutex_);
    if (values_.size() >= kCapacity) values_.clear();  // whoever runs one of them still holds it
    return values_.try_emplace(key, std::move(made)).first->second;
  }

 private:
  static constexpr size_t kCapacity = 1024;
  struct Hash {
    size_t operator()(const Key& key) const {
      uint64_t hash = 0;
      for (const int64_t part : key)
        hash = (hash ^ static_cast<uint64_t>(part)) * 0x9E3779B97F4A7C15u + (hash >> 29);
      return hash;
    }
  };

  std::shared_mutex mutex_;
  std::unordered_map<Key, std::shared_ptr<const Value>, Hash> values_;
};

}  // namespace papilio::kernels::onednn
