// The log: what is shown, where, and that lines stay whole.
#include "papilio/core/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <regex>
#include <sstream>
#include <thread>
#include <vector>

#include "papilio/core/error.h"
#include "papilio/core/file.h"

namespace papilio {
namespace {

namespace fs = std::filesystem;

class LogTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_);
    testing::internal::CaptureStderr();
  }
  void TearDown() override {
    logging::set_level(logging::Level::info);
    fs::remove_all(folder_);
  }
  static std::string shown() { return testing::internal::GetCapturedStderr(); }
  // The lines of a file without date and time; a line without them is marked.
  static std::vector<std::string> lines(const std::string& path) {
    static const std::regex stamp(R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (.*))");
    std::vector<std::string> all;
    std::istringstream file(read_file(path));
    for (std::string line; std::getline(file, line);) {
      std::smatch match;
      all.push_back(std::regex_match(line, match, stamp) ? match[1].str() : "no stamp: " + line);
    }
    return all;
  }

  std::string folder_ = concat(testing::TempDir(), "papilio_log_", getpid(), "_",
                               testing::UnitTest::GetInstance()->current_test_info()->name());
  std::string path_ = folder_ + "/log.txt";
};

TEST_F(LogTest, ShowsInformationAndAbove) {
  logging::debug("d");
  logging::info("i {} %d");
  logging::warning("w");
  logging::error("e");
  EXPECT_EQ(shown(), "i {} %d\nwarning: w\nerror: e\n");
}

TEST_F(LogTest, ShowsWhatTheLevelAsksFor) {
  logging::set_level(logging::Level::error);
  logging::warning("w");
  logging::error("e");
  logging::set_level(logging::Level::debug);
  logging::debug("d");
  EXPECT_EQ(shown(), "error: e\ndebug: d\n");
}

TEST_F(LogTest, AppendsToTheFilesThatAreOpen) {
  {
    const logging::File first(path_);
    logging::info("one");
    {
      const logging::File second(folder_ + "/other.txt");
      logging::warning("two");
    }
    logging::info("three");
    EXPECT_EQ(lines(path_).size(), 3u) << "a line reaches the file at once";
  }
  logging::info("nowhere");
  {
    const logging::File again(path_);
    logging::info("four");
  }
  EXPECT_EQ(lines(path_), (std::vector<std::string>{"one", "warning: two", "three", "four"}));
  EXPECT_EQ(lines(folder_ + "/other.txt"), std::vector<std::string>{"warning: two"});
  EXPECT_EQ(shown(), "one\nwarning: two\nthree\nnowhere\nfour\n");
}

TEST_F(LogTest, NamesAFileThatCannotBeOpened) {
  try {
    logging::File file(folder_);
    ADD_FAILURE() << "a folder was opened as a log";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("cannot write the log '" + folder_ + "': "));
    EXPECT_THAT(error.what(), testing::HasSubstr("Is a directory"));
  }
  logging::info("still alive");
  EXPECT_EQ(shown(), "still alive\n");
}

TEST_F(LogTest, LinesOfSeveralThreadsStayWhole) {
  const std::string line(200, 'x');
  {
    const logging::File file(path_);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) logging::info(line);
      });
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(lines(path_), std::vector<std::string>(200, line));
  EXPECT_EQ(shown().size(), 200 * (line.size() + 1));
}

}  // namespace
}  // namespace papilio
