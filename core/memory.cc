#include "papilio/core/memory.h"

#include <sys/mman.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <mutex>
#include <vector>

#include "papilio/core/error.h"

namespace papilio::memory {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
// Blocks up to this size are carved from slabs; larger ones are mapped one by one, so that trim()
// can unmap them.
constexpr size_t kLargestInSlab = size_t{1} << 20;
constexpr size_t kSlab = size_t{16} << 20;

// Eight size classes per power of two: at most 12.5 % of a block is unused.
size_t size_class(size_t bytes) {
  bytes = std::max(bytes, kAlignment);
  const size_t step = std::max(kAlignment, std::bit_floor(bytes - 1) / 8);
  return (bytes + step - 1) / step * step;
}

size_t class_index(size_t rounded) {
  const auto octave = static_cast<size_t>(std::bit_width(rounded - 1));
  return octave * 8 + ((rounded - 1) >> (octave - 4)) % 8;
}

class Allocator {
 public:
  void* allocate(size_t bytes) {
    // Beyond the memory that there is, the system would promise now and kill later.
    static const auto physical =
        static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
    if (bytes > physical) refuse(bytes);
    const size_t rounded = size_class(bytes);
    const std::lock_guard lock(mutex_);
    auto& free = free_[class_index(rounded)];
    void* block = nullptr;
    if (!free.empty()) {
      block = free.back();
      free.pop_back();
    } else {
      block = rounded > kLargestInSlab ? map(rounded) : carve(rounded);
      // Room for every block of the class to come back, so that release() never allocates.
      free.reserve(++blocks_[class_index(rounded)]);
    }
    stats_.in_use += static_cast<int64_t>(rounded);
    stats_.peak = std::max(stats_.peak, stats_.in_use);
    return block;
  }

  void release(void* block, size_t bytes) noexcept {
    const size_t rounded = size_class(bytes);
    const std::lock_guard lock(mutex_);
    free_[class_index(rounded)].push_back(block);
    stats_.in_use -= static_cast<int64_t>(rounded);
  }

  Stats stats() {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

  void trim() {
    const std::lock_guard lock(mutex_);
    std::erase_if(mapped_, [&](const auto& entry) {
      const auto [block, rounded] = entry;
      auto& free = free_[class_index(rounded)];
      const auto found = std::find(free.begin(), free.end(), block);
      if (found == free.end()) return false;
      free.erase(found);
      --blocks_[class_index(rounded)];
      munmap(block, whole_pages(rounded));
      stats_.reserved -= static_cast<int64_t>(whole_pages(rounded));
      return true;
    });
  }

 private:
  [[noreturn]] static void refuse(size_t bytes) {
    fail("memory: the system has no ", bytes, " bytes left; use a smaller batch");
  }

  static size_t whole_pages(size_t bytes) {
    return (bytes + kHugePage - 1) / kHugePage * kHugePage;
  }

  // Memory at a 2 MB boundary, so that the kernel can back it with huge pages: a first touch then
  // costs 50 times less.
  void* map_pages(size_t bytes) {
    const size_t length = whole_pages(bytes);
    void* raw = mmap(nullptr, length + kHugePage, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (raw == MAP_FAILED) refuse(bytes);
    auto* begin = static_cast<char*>(raw);
    auto* aligned = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(begin) + kHugePage - 1) /
                                            kHugePage * kHugePage);
    if (aligned > begin) munmap(begin, static_cast<size_t>(aligned - begin));
    const size_t tail = static_cast<size_t>(begin + kHugePage - aligned);
    if (tail > 0) munmap(aligned + length, tail);
    madvise(aligned, length, MADV_HUGEPAGE);
    ++stats_.system_requests;
    stats_.reserved += static_cast<int64_t>(length);
    return aligned;
  }

  void* map(size_t rounded) {
    void* block = map_pages(rounded);
    mapped_.emplace_back(block, rounded);
    return block;
  }

  void* carve(size_t rounded) {
    if (slab_left_ < rounded) {
      slab_ = static_cast<char*>(map_pages(kSlab));
      slab_left_ = kSlab;
    }
    char* block = slab_;
    slab_ += rounded;
    slab_left_ -= rounded;
    return block;
  }

  std::mutex mutex_;
  std::array<std::vector<void*>, 64 * 8> free_;
  std::array<size_t, 64 * 8> blocks_{};
  std::vector<std::pair<void*, size_t>> mapped_;
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

void* allocate(size_t bytes) { return allocator().allocate(bytes); }
void release(void* block, size_t bytes) noexcept { allocator().release(block, bytes); }
Stats stats() { return allocator().stats(); }
void trim() { allocator().trim(); }

void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the most that it takes
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

}  // namespace papilio::memory
