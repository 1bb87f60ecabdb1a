#include "papilio/core/threads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <vector>

#include "papilio/tests/core/error_of.h"

namespace papilio {
namespace {

class Threads : public ::testing::Test {
 protected:
  ~Threads() override { set_threads(before_); }

 private:
  int before_ = threads();
};

TEST_F(Threads, ParallelForCoversTheRangeOnce) {
  for (const int count : {1, 2, 3, 5}) {
    set_threads(count);
    EXPECT_EQ(threads(), PAPILIO_OPENMP ? count : 1);
    for (const int64_t size : {0, 1, 2, 7, 1000})
      for (const int64_t grain : {0, 1, 3, 2000}) {
        std::vector<std::atomic<int>> visits(static_cast<size_t>(size));
        parallel_for(
            size,
            [&](int64_t begin, int64_t end) {
              EXPECT_LE(begin, end);
              for (int64_t i = begin; i < end; ++i) ++visits[static_cast<size_t>(i)];
            },
            grain);
        for (const auto& visit : visits) ASSERT_EQ(visit, 1) << size << " by " << count;
      }
  }
}

TEST_F(Threads, RangesDependOnSizeGrainAndThreadCountAlone) {
  const auto ranges = [](int64_t size, int64_t grain) {
    std::set<std::pair<int64_t, int64_t>> all;
    std::mutex mutex;
    parallel_for(
        size,
        [&](int64_t begin, int64_t end) {
          const std::lock_guard lock(mutex);
          all.emplace(begin, end);
        },
        grain);
    return all;
  };
  set_threads(3);
  EXPECT_EQ(ranges(1000, 10), ranges(1000, 10));
  EXPECT_EQ(ranges(100, 1000).size(), 1u);  // not worth a second thread
  EXPECT_LE(ranges(100, 40).size(), 2u);
  set_threads(1);
  EXPECT_EQ(ranges(1000, 1).size(), 1u);
}

TEST_F(Threads, AnExceptionComesOut) {
  for (const int count : {1, 3}) {
    set_threads(count);
    std::atomic<int64_t> done = 0;
    EXPECT_EQ(error_of([&] {
                parallel_for(999, [&](int64_t begin, int64_t end) {
                  check(begin != 0, "the range from 0 fails");
                  done += end - begin;
                });
              }),
              "the range from 0 fails");
    if (threads() == 3 && done != 0) {
      EXPECT_EQ(done, 666);  // the other ranges ran to their ends
    }
  }
}

TEST_F(Threads, AllRangesMayFailAndOneExceptionComesOut) {
  set_threads(4);
  EXPECT_EQ(error_of([] { parallel_for(100, [](int64_t, int64_t) { fail("every range"); }); }),
            "every range");
}

TEST_F(Threads, ANestedLoopIsSerial) {
  set_threads(2);
  std::atomic<int> inner = 0, outer = 0;  // ranges
  parallel_for(2, [&](int64_t, int64_t) {
    ++outer;
    parallel_for(100, [&](int64_t, int64_t) { ++inner; });
  });
  EXPECT_EQ(inner.load(), outer.load());
}

TEST_F(Threads, SetThreadsRefusesNonsense) {
  for (const int count : {0, -2})
    EXPECT_THAT(error_of([&] { set_threads(count); }),
                ::testing::HasSubstr("at least 1 is needed"));
}

}  // namespace
}  // namespace papilio
