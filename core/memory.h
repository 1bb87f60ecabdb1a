// The caching allocator behind every Tensor. Memory comes from the system in huge pages and is
// kept: a training step in steady state asks the system for nothing. Small blocks are kept by size
// class; big ones are joined with free neighbours, so that layers of all sizes share one memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace papilio {

namespace memory {

inline constexpr size_t kAlignment = 64;

/// A block of at least `bytes` bytes (never null, also for 0), 64-byte aligned, uninitialised.
/// Thread-safe. Throws Error that names the size when the system has no memory.
void* allocate(size_t bytes);
/// Returns a block of allocate(bytes).
void release(void* block, size_t bytes) noexcept;

struct Stats {
  int64_t system_requests;  ///< how often the system was asked for memory
  int64_t reserved;         ///< bytes held from the system
  int64_t in_use;           ///< bytes handed out, rounded up to whole blocks
  int64_t peak;             ///< the largest `in_use` so far
};
Stats stats();

/// Gives unused big blocks back to the system.
void trim();

/// Bytes that are worth asking for at once.
inline constexpr int64_t kFetched = int64_t{16} << 10;
enum class Access { read, write };
/// Asks for these bytes into the second cache. Who comes to them soon, in another order or after
/// other work, then doesn't wait for each line. They need not exist. Always inlined:
/// GCC takes a function that does nothing else for one without effects, and drops its calls.
template <Access kAccess = Access::read>
[[gnu::always_inline]] inline void fetch(const void* from, int64_t bytes) {
  constexpr int64_t kLine = 64;
  constexpr int kSecondCache = 2;
  for (int64_t at = 0; at < bytes; at += kLine)
    __builtin_prefetch(static_cast<const char*>(from) + at, kAccess == Access::write, kSecondCache);
}

/// From now on the C library's malloc() keeps what is freed instead of returning it to the system:
/// oneDNN allocates scratch by it in each call, and pages that come back are slow to touch. A
/// matter of the process, so a library doesn't do it by itself: programs do, as all of Papilio's.
/// Only with glibc; elsewhere nothing happens.
void keep_freed_memory();

}  // namespace memory

/// Scratch memory of one scope: uninitialised, 64-byte aligned, from the caching allocator.
class Buffer {
 public:
  explicit Buffer(size_t bytes) : data_(memory::allocate(bytes)), bytes_(bytes) {}
  ~Buffer() {
    if (data_) memory::release(data_, bytes_);
  }
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  void* data() const { return data_; }
  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  size_t bytes() const { return bytes_; }

 private:
  void* data_;
  size_t bytes_;
};

}  // namespace papilio
