#include "papilio/core/free_ranges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "papilio/core/random.h"

namespace papilio {
namespace {

using memory::FreeRanges;

std::vector<std::pair<ptrdiff_t, size_t>> all(FreeRanges& ranges, const char* memory) {
  std::vector<std::pair<ptrdiff_t, size_t>> result;
  for (const auto& [begin, bytes] : ranges.take_all()) result.emplace_back(begin - memory, bytes);
  return result;
}

TEST(FreeRanges, NeighboursBecomeOne) {
  char memory[100];
  FreeRanges ranges;
  ranges.give(memory + 10, 10);
  ranges.give(memory + 40, 10);
  ranges.give(memory + 20, 10);  // joins what is before it
  ranges.give(memory + 60, 10);
  ranges.give(memory + 55, 5);   // what is after it
  ranges.give(memory + 30, 10);  // both
  EXPECT_EQ(ranges.bytes_before(memory + 50), 40u);
  EXPECT_EQ(ranges.bytes_before(memory + 55), 0u);
  EXPECT_THAT(all(ranges, memory), ::testing::ElementsAre(std::pair(10, 40u), std::pair(55, 15u)));
  EXPECT_EQ(ranges.take(1), nullptr);
}

TEST(FreeRanges, TheSmallestThatFitsIsCut) {
  char memory[100];
  FreeRanges ranges;
  ranges.give(memory, 30);
  ranges.give(memory + 40, 10);
  ranges.give(memory + 60, 20);
  EXPECT_EQ(ranges.take(15), memory + 60);
  EXPECT_EQ(ranges.take(10), memory + 40);
  EXPECT_EQ(ranges.take(31), nullptr);
  EXPECT_THAT(all(ranges, memory), ::testing::ElementsAre(std::pair(0, 30u), std::pair(75, 5u)));
}

TEST(FreeRanges, AgreesWithABitmapOverManySteps) {
  constexpr size_t kSize = 400;
  std::string used(kSize, 'u');
  FreeRanges ranges;
  ranges.reserve(2);
  ranges.give(used.data(), kSize);
  std::string free(kSize, '.');
  std::vector<std::pair<char*, size_t>> taken;
  const Rng rng(1);
  for (uint64_t step = 0; step < 5000; ++step) {
    if (rng.split("give").below(2, step) == 0 && !taken.empty()) {
      std::swap(taken[static_cast<size_t>(rng.below(static_cast<int64_t>(taken.size()), step))],
                taken.back());
      const auto [begin, bytes] = taken.back();
      taken.pop_back();
      ranges.give(begin, bytes);
      free.replace(static_cast<size_t>(begin - used.data()), bytes, bytes, '.');
      continue;
    }
    const auto bytes = static_cast<size_t>(1 + rng.split("size").below(60, step));
    char* const begin = ranges.take(bytes);
    ASSERT_EQ(begin == nullptr, free.find(std::string(bytes, '.')) == std::string::npos);
    if (!begin) continue;
    const auto at = static_cast<size_t>(begin - used.data());
    ASSERT_EQ(free.substr(at, bytes), std::string(bytes, '.'));
    free.replace(at, bytes, bytes, 'x');
    taken.emplace_back(begin, bytes);
  }
  for (const auto& [begin, bytes] : taken) ranges.give(begin, bytes);
  EXPECT_THAT(all(ranges, used.data()), ::testing::ElementsAre(std::pair(0, kSize)));
}

}  // namespace
}  // namespace papilio
