// Which parts of the big blocks' memory are free: the books of the caching allocator, which touch
// no memory themselves.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

namespace papilio::memory {

/// Free ranges of addresses. Neighbours become one, so that what was given back in pieces can be
/// taken as a whole, or cut otherwise. A step has some hundred big blocks at most: a sorted vector
/// is fast enough.
class FreeRanges {
 public:
  struct Range {
    char* begin;
    size_t bytes;
    char* end() const { return begin + bytes; }
  };

  /// Makes room for `count` ranges, so that give() doesn't allocate: there are never more of them
  /// than pieces of memory plus blocks that are taken.
  void reserve(size_t count) { ranges_.reserve(std::max(count, 2 * ranges_.size())); }

  /// Cuts `bytes` bytes from the smallest range that has them, from the lowest where several do;
  /// null when none does.
  char* take(size_t bytes) {
    auto best = ranges_.end();
    for (auto range = ranges_.begin(); range != ranges_.end(); ++range)
      if (range->bytes >= bytes && (best == ranges_.end() || range->bytes < best->bytes))
        best = range;
    if (best == ranges_.end()) return nullptr;
    char* const block = best->begin;
    best->begin += bytes;
    best->bytes -= bytes;
    if (best->bytes == 0) ranges_.erase(best);
    return block;
  }

  /// Adds a range that overlaps none.
  void give(char* begin, size_t bytes) {
    auto next = std::ranges::lower_bound(ranges_, begin, {}, &Range::begin);
    const bool joins_next = next != ranges_.end() && begin + bytes == next->begin;
    if (next != ranges_.begin() && std::prev(next)->end() == begin) {
      std::prev(next)->bytes += bytes + (joins_next ? next->bytes : 0);
      if (joins_next) ranges_.erase(next);
    } else if (joins_next) {
      *next = {begin, bytes + next->bytes};
    } else {
      ranges_.insert(next, {begin, bytes});
    }
  }

  /// How many bytes just before `end` are free.
  size_t bytes_before(const char* end) const {
    for (const Range& range : ranges_)
      if (range.end() == end) return range.bytes;
    return 0;
  }

  /// All of them, lowest first; none is left.
  std::vector<Range> take_all() { return std::exchange(ranges_, {}); }

 private:
  std::vector<Range> ranges_;
};

}  // namespace papilio::memory
