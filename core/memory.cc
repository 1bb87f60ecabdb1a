#include "papilio/core/memory.h"

#include <sys/mman.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <mutex>
#include <vector>

#include "papilio/core/error.h"
#include "papilio/core/free_ranges.h"

namespace papilio::memory {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
// Blocks up to this size are carved from slabs and come back to their size class. Larger ones share
// a heap where free neighbours are joined: kept by size class, memory that one layer has returned
// would not serve the next one, whose sizes are others.
constexpr size_t kLargestInSlab = size_t{256} << 10;
constexpr size_t kSlab = size_t{16} << 20;
constexpr size_t kHeapStep = kLargestInSlab / 8;

size_t up_to_multiple(size_t bytes, size_t step) { return (bytes + step - 1) / step * step; }

// Eight size classes per power of two in slabs: at most 12.5 % of a block is unused.
size_t rounded_up(size_t bytes) {
  bytes = std::max(bytes, kAlignment);
  return up_to_multiple(bytes, std::clamp(std::bit_floor(bytes - 1) / 8, kAlignment, kHeapStep));
}

size_t class_index(size_t rounded) {
  const auto octave = static_cast<size_t>(std::bit_width(rounded - 1));
  return octave * 8 + ((rounded - 1) >> (octave - 4)) % 8;
}

// Memory from the system, whose pages become ours when they are first written. Addresses are taken
// in advance, so that the heap grows upwards in one piece.
class SystemMemory {
 public:
  // `bytes` more, a multiple of the huge page; they follow the ones before if there are addresses
  // left. Null when the system has none.
  char* grow(size_t bytes) {
    if (bytes > left_ && !take_addresses(bytes)) return nullptr;
    if (mprotect(top_, bytes, PROT_READ | PROT_WRITE) != 0) return nullptr;
    left_ -= bytes;
    return std::exchange(top_, top_ + bytes);
  }
  char* top() const { return top_; }

  static size_t physical() {
    static const auto bytes =
        static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
    return bytes;
  }

 private:
  // As many as there is memory, or as few as a limit on addresses (ulimit -v) allows. They begin at
  // a 2 MB boundary, so that the kernel can back them with huge pages: a first touch then costs 50
  // times less.
  bool take_addresses(size_t least) {
    for (size_t bytes = std::max(physical(), least);; bytes = std::max(bytes / 2, least)) {
      void* raw = mmap(nullptr, bytes + kHugePage, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (raw != MAP_FAILED) {
        const auto address = reinterpret_cast<uintptr_t>(raw);
        top_ = static_cast<char*>(raw) + (up_to_multiple(address, kHugePage) - address);
        left_ = bytes / kHugePage * kHugePage;
        madvise(top_, left_, MADV_HUGEPAGE);
        return true;
      }
      if (bytes == least) return false;
    }
  }

  char* top_ = nullptr;
  size_t left_ = 0;
};

class Allocator {
 public:
  void* allocate(size_t bytes) {
    // Beyond the memory that there is, the system would promise now and kill later.
    if (bytes > SystemMemory::physical()) refuse(bytes);
    const size_t rounded = rounded_up(bytes);
    const std::lock_guard lock(mutex_);
    void* block = rounded > kLargestInSlab ? from_heap(rounded) : from_slab(rounded);
    stats_.in_use += static_cast<int64_t>(rounded);
    stats_.peak = std::max(stats_.peak, stats_.in_use);
    return block;
  }

  void release(void* block, size_t bytes) noexcept {
    const size_t rounded = rounded_up(bytes);
    const std::lock_guard lock(mutex_);
    if (rounded > kLargestInSlab)
      heap_.give(static_cast<char*>(block), rounded), --heap_blocks_;
    else
      free_[class_index(rounded)].push_back(block);
    stats_.in_use -= static_cast<int64_t>(rounded);
  }

  Stats stats() {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

  // The addresses are given back too, so that no book of pages is needed.
  void trim() {
    const std::lock_guard lock(mutex_);
    for (const auto& range : heap_.take_all()) {
      const auto address = reinterpret_cast<uintptr_t>(range.begin);
      const size_t head = std::min(up_to_multiple(address, kHugePage) - address, range.bytes);
      const size_t pages = (range.bytes - head) / kHugePage * kHugePage;
      heap_.reserve(heap_blocks_ + ++heap_pieces_);
      if (pages > 0) munmap(range.begin + head, pages);
      if (head > 0) heap_.give(range.begin, head);
      if (const size_t tail = range.bytes - head - pages; tail > 0)
        heap_.give(range.end() - tail, tail);
      stats_.reserved -= static_cast<int64_t>(pages);
    }
  }

 private:
  [[noreturn]] static void refuse(size_t bytes) {
    fail("memory: the system has no ", bytes, " bytes left; use a smaller batch");
  }

  char* from_system(size_t bytes) {
    char* begin = system_.grow(bytes);
    if (!begin) refuse(bytes);
    ++stats_.system_requests;
    stats_.reserved += static_cast<int64_t>(bytes);
    return begin;
  }

  void* from_heap(size_t rounded) {
    heap_.reserve(heap_blocks_ + heap_pieces_ + 2);
    char* block = nullptr;
    while (!(block = heap_.take(rounded))) {
      // What is free at the top lacks only the rest.
      const char* const top = system_.top();
      const size_t bytes = up_to_multiple(rounded - heap_.bytes_before(top), kHugePage);
      char* const begin = from_system(bytes);
      if (begin != top) ++heap_pieces_;
      heap_.give(begin, bytes);
    }
    ++heap_blocks_;
    return block;
  }

  void* from_slab(size_t rounded) {
    auto& free = free_[class_index(rounded)];
    if (!free.empty()) {
      void* block = free.back();
      free.pop_back();
      return block;
    }
    if (slab_left_ < rounded) {
      slab_ = static_cast<char*>(from_heap(kSlab));
      slab_left_ = kSlab;
    }
    // Room for every block of the class to come back, so that release() never allocates.
    free.reserve(++blocks_[class_index(rounded)]);
    slab_left_ -= rounded;
    return std::exchange(slab_, slab_ + rounded);
  }

  std::mutex mutex_;
  SystemMemory system_;
  FreeRanges heap_;
  size_t heap_blocks_ = 0, heap_pieces_ = 0;  // taken; torn apart by trim() or the end of addresses
  std::array<std::vector<void*>, 64 * 8> free_;  // of the slabs, by size class
  std::array<size_t, 64 * 8> blocks_{};
  char* slab_ = nullptr;
  size_t slab_left_ = 0;
  Stats stats_{};
};

// Never destroyed: tensors of static lifetime return their memory after main().
Allocator& allocator() {
  static auto* instance = new Allocator;
  return *instance;
}

}  // namespace

// Scratch that is not needed is common, so it costs nothing.
void* allocate(size_t bytes) {
  alignas(kAlignment) static char nothing[kAlignment];
  return bytes == 0 ? nothing : allocator().allocate(bytes);
}
void release(void* block, size_t bytes) noexcept {
  if (bytes > 0) allocator().release(block, bytes);
}
Stats stats() { return allocator().stats(); }
void trim() { allocator().trim(); }

void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the most that it takes
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

}  // namespace papilio::memory
