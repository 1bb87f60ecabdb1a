// write_file: the whole new file or the whole old one, whatever goes wrong.
#include "papilio/core/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "papilio/core/error.h"
#include "papilio/tests/core/error_of.h"

namespace papilio {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

// A folder of its own, with one old file in it.
class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_);
    std::ofstream(path_) << "old";
  }
  void TearDown() override { fs::remove_all(folder_); }

  void expect_only_the_old_file() const {
    EXPECT_EQ(names(), std::vector<std::string>{"file"});
    EXPECT_EQ(read_file(path_), "old");
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : fs::directory_iterator(folder_))
      all.push_back(entry.path().filename());
    std::sort(all.begin(), all.end());
    return all;
  }

  std::string folder_ = concat(testing::TempDir(), "papilio_file_", getpid(), "_",
                               testing::UnitTest::GetInstance()->current_test_info()->name());
  std::string path_ = folder_ + "/file";
};

// Files may not grow beyond `bytes` while it lives: how a full disk looks, in the middle of a
// write.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{bytes, old_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &old_);
    signal(SIGXFSZ, handler_);
  }

 private:
  rlimit old_{};
  void (*handler_)(int);
};

// Root may write anywhere: becomes nobody for a while.
class Unprivileged {
 public:
  Unprivileged() { done_ = geteuid() != 0 || seteuid(65534) == 0; }
  ~Unprivileged() {
    if (getuid() == 0 && seteuid(0) != 0) std::abort();
  }
  bool done() const { return done_; }

 private:
  bool done_;
};

TEST_F(FileTest, WritesAndReads) {
  const std::string bytes("a\0b\n\xff", 5);
  write_file(path_, bytes);
  EXPECT_EQ(read_file(path_), bytes);
  write_file(path_, [](const ByteSink& sink) {
    for (int i = 0; i < 1000; ++i) sink("0123456789", 10);
    sink(nullptr, 0);
  });
  EXPECT_EQ(read_file(path_).size(), 10000u);
  write_file(folder_ + "/empty", "");
  EXPECT_EQ(read_file(folder_ + "/empty"), "");
  EXPECT_EQ(names(), (std::vector<std::string>{"empty", "file"}));
}

TEST_F(FileTest, WritesIntoTheCurrentFolder) {
  const fs::path before = fs::current_path();
  fs::current_path(folder_);
  write_file("bare", "new");
  fs::current_path(before);
  EXPECT_EQ(read_file(folder_ + "/bare"), "new");
}

TEST_F(FileTest, KeepsTheOldFileWhenTheDiskIsFull) {
  const FileSizeLimit limit(4096);
  EXPECT_THAT(error_of([&] { write_file(path_, std::string(100'000, 'x')); }),
              AllOf(HasSubstr(path_), HasSubstr("File too large"), HasSubstr("ulimit -f")));
  expect_only_the_old_file();
}

TEST_F(FileTest, KeepsTheOldFileWhenTheProducerHidesTheFailure) {
  const FileSizeLimit limit(4096);
  EXPECT_THAT(error_of([&] {
                write_file(path_, [](const ByteSink& sink) {
                  try {
                    sink(std::string(100'000, 'x').data(), 100'000);
                  } catch (...) {
                  }
                });
              }),
              HasSubstr("File too large"));
  expect_only_the_old_file();
}

TEST_F(FileTest, KeepsTheOldFileWhenTheProducerThrows) {
  const auto broken = [&](auto exception) {
    return [=, this] {
      write_file(path_, [&](const ByteSink& sink) {
        sink("half", 4);
        throw exception;
      });
    };
  };
  EXPECT_EQ(error_of(broken(Error("no picture"))), "cannot write '" + path_ + "': no picture");
  EXPECT_EQ(error_of(broken(std::logic_error("a bug"))), "cannot write '" + path_ + "': a bug");
  EXPECT_THROW(broken(1)(), int);
  expect_only_the_old_file();
}

TEST_F(FileTest, KeepsTheOldFileWhenTheProcessIsKilled) {
  EXPECT_EXIT(write_file(path_,
                         [](const ByteSink& sink) {
                           sink("half", 4);
                           raise(SIGKILL);
                         }),
              testing::KilledBySignal(SIGKILL), "");
  EXPECT_EQ(read_file(path_), "old");
}

TEST_F(FileTest, NamesTheFileTheReasonAndTheRemedy) {
  const std::string missing = folder_ + "/no/file";
  EXPECT_EQ(error_of([&] { write_file(missing, "x"); }),
            "cannot write '" + missing +
                "': No such file or directory; check the name, and that the folder exists");
  EXPECT_EQ(error_of([&] { write_file(folder_, "x"); }),
            "cannot write '" + folder_ + "': Is a directory; give the name of a file");
  EXPECT_THAT(error_of([&] { write_file(path_ + "/x", "x"); }), HasSubstr("Not a directory; "));
  EXPECT_THAT(error_of([&] { write_file(folder_ + "/" + std::string(300, 'n'), "x"); }),
              HasSubstr("File name too long"));
  EXPECT_EQ(error_of([&] { write_file("/dev/full", "x"); }),
            "cannot write '/dev/full': No space left on device; free some space or choose another "
            "folder");
  EXPECT_THAT(error_of([&] { read_file(missing); }),
              AllOf(HasSubstr("cannot read '" + missing), HasSubstr("No such file")));
  EXPECT_THAT(error_of([&] { read_file(folder_); }), HasSubstr("Is a directory"));
  expect_only_the_old_file();
}

TEST_F(FileTest, NamesAFolderThatMayNotBeWritten) {
  fs::permissions(folder_, fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_read |
                               fs::perms::others_exec);
  {
    const Unprivileged nobody;
    if (!nobody.done()) GTEST_SKIP() << "this process may write everywhere";
    EXPECT_THAT(error_of([&] { write_file(path_, "x"); }),
                AllOf(HasSubstr(path_), HasSubstr("Permission denied; choose another folder")));
  }
  fs::permissions(folder_, fs::perms::owner_all);
  expect_only_the_old_file();
}

TEST_F(FileTest, FollowsALinkAndLeavesItThere) {
  fs::create_symlink("file", folder_ + "/link");
  write_file(folder_ + "/link", "new");
  EXPECT_TRUE(fs::is_symlink(folder_ + "/link"));
  EXPECT_EQ(read_file(path_), "new");
}

TEST_F(FileTest, WritesADeviceInPlace) {
  write_file("/dev/null", "x");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(FileTest, WritersAtTheSameTimeLeaveOneWholeFile) {
  std::vector<std::thread> writers;
  for (char c : {'a', 'b', 'c', 'd'})
    writers.emplace_back([&, c] {
      for (int i = 0; i < 10; ++i) write_file(path_, std::string(50'000, c));
    });
  for (std::thread& writer : writers) writer.join();
  const std::string bytes = read_file(path_);
  EXPECT_EQ(bytes, std::string(50'000, bytes.at(0)));
  EXPECT_EQ(names(), std::vector<std::string>{"file"});
}

TEST_F(FileTest, ReadsNoMoreThanTheLimit) {
  EXPECT_EQ(read_file(path_, 3), "old");
  EXPECT_EQ(error_of([&] { read_file(path_, 2); }),
            "cannot read '" + path_ + "': it has more than the 2 bytes allowed");
  // Their size is not known beforehand.
  EXPECT_THAT(error_of([] { read_file("/dev/zero", 10'000); }), HasSubstr("10000 bytes allowed"));
  EXPECT_THAT(read_file("/proc/self/status"), HasSubstr("Pid:"));
}

}  // namespace
}  // namespace papilio
