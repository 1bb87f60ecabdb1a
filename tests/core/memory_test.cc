#include "papilio/core/memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

#include "papilio/tests/core/error_of.h"

namespace papilio {
namespace {

constexpr size_t kSizes[] = {0,    1,    63,    64,    65,      100,           127,          128,
                             1000, 4096, 65537, 99999, 1 << 20, (1 << 20) + 1, (5 << 20) + 3};

TEST(Memory, BlocksAreAlignedAndDisjoint) {
  std::vector<Buffer> blocks;
  for (int round = 0; round < 3; ++round)
    for (const size_t size : kSizes) blocks.emplace_back(size);
  for (size_t i = 0; i < blocks.size(); ++i) {
    ASSERT_NE(blocks[i].data(), nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(blocks[i].data()) % memory::kAlignment, 0u);
    std::memset(blocks[i].data(), static_cast<int>(i), blocks[i].bytes());
  }
  for (size_t i = 0; i < blocks.size(); ++i)
    for (size_t k = 0; k < blocks[i].bytes(); k += 61)
      ASSERT_EQ(blocks[i].as<unsigned char>()[k], i) << "block of " << blocks[i].bytes();
}

TEST(Memory, SteadyStateAsksTheSystemForNothing) {
  const auto step = [] {
    std::vector<Buffer> blocks;
    for (const size_t size : kSizes) blocks.emplace_back(size);
  };
  step();
  const memory::Stats before = memory::stats();
  for (int i = 0; i < 100; ++i) step();
  const memory::Stats after = memory::stats();
  EXPECT_EQ(after.system_requests, before.system_requests);
  EXPECT_EQ(after.reserved, before.reserved);
  EXPECT_EQ(after.in_use, before.in_use);
}

TEST(Memory, AReturnedBlockIsGivenOutAgain) {
  void* first = memory::allocate(1000);
  memory::release(first, 1000);
  const Buffer second(1000);
  EXPECT_EQ(second.data(), first);
}

TEST(Memory, AtMostAnEighthOfABlockIsUnused) {
  for (size_t size = 512; size < 100000; size += 777) {
    const int64_t before = memory::stats().in_use;
    const Buffer block(size);
    const auto used = static_cast<size_t>(memory::stats().in_use - before);
    EXPECT_GE(used, size);
    EXPECT_LE(used, size + size / 8 + memory::kAlignment);
    EXPECT_GE(memory::stats().peak, memory::stats().in_use);
  }
}

TEST(Memory, TrimGivesUnusedBigBlocksBack) {
  constexpr size_t kBig = size_t{40} << 20;
  const Buffer kept(kBig);
  { const Buffer dropped(kBig); }
  const int64_t before = memory::stats().reserved;
  memory::trim();
  EXPECT_LE(memory::stats().reserved, before - static_cast<int64_t>(kBig));
  std::memset(kept.data(), 1, kBig);  // still ours
}

TEST(Memory, BigBlocksOfAllSizesShareOneMemory) {
  constexpr size_t kMegabyte = size_t{1} << 20;
  const auto blocks = [](size_t count, size_t bytes) {
    std::vector<Buffer> all;
    for (size_t i = 0; i < count; ++i) all.emplace_back(bytes);
    return all;
  };
  blocks(1, 41 * kMegabyte);
  const int64_t reserved = memory::stats().reserved;
  for (const size_t count : {2, 3, 5, 13, 40}) blocks(count, 40 * kMegabyte / count);
  EXPECT_EQ(memory::stats().reserved, reserved);
}

TEST(Memory, WhatTrimGaveBackCanBeHadAgain) {
  for (int i = 0; i < 3; ++i) {
    {
      std::vector<Buffer> blocks;
      for (const size_t size : {3 << 20, 300 << 10, 9 << 20, 5 << 20}) blocks.emplace_back(size);
      for (const Buffer& block : blocks) std::memset(block.data(), i, block.bytes());
      blocks.erase(blocks.begin() + 1);
      memory::trim();
      for (const Buffer& block : blocks)
        EXPECT_EQ(block.as<char>()[block.bytes() - 1], i) << block.bytes();
    }
    memory::trim();
    EXPECT_GE(memory::stats().reserved, memory::stats().in_use);
  }
}

TEST(Memory, AbsurdSizesAreErrorsThatNameThem) {
  for (const size_t size : {size_t{1} << 50, size_t{1} << 63, SIZE_MAX})
    EXPECT_THAT(error_of([&] { memory::allocate(size); }),
                ::testing::HasSubstr(std::to_string(size) + " bytes"));
}

TEST(Memory, ThreadsShareIt) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 500; ++i) {
        const Buffer block(static_cast<size_t>(64 * (i % 37)));
        std::memset(block.data(), t, block.bytes());
        for (size_t k = 0; k < block.bytes(); ++k) ASSERT_EQ(block.as<unsigned char>()[k], t);
      }
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace papilio
