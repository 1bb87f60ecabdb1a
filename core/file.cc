#include "papilio/core/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "papilio/core/error.h"

namespace papilio {
namespace {

constexpr std::pair<int, std::string_view> kRemedies[] = {
    {ENOSPC, "free some space or choose another folder"},
    {EDQUOT, "free some space or choose another folder"},
    {EFBIG, "raise the limit of the file size (ulimit -f)"},
    {EACCES, "choose another folder or change the permissions"},
    {EPERM, "choose another folder or change the permissions"},
    {EROFS, "choose another folder"},
    {EISDIR, "give the name of a file"},
    {ENOENT, "check the name, and that the folder exists"},
    {ENOTDIR, "a part of the name before the last is not a folder"},
    {EMFILE, "raise the limit of open files (ulimit -n)"},
};

[[noreturn]] void fail_with(int reason, std::string_view doing, const std::string& path) {
  std::string message = concat("cannot ", doing, " '", path, "': ", std::strerror(reason));
  for (const auto& [number, remedy] : kRemedies)
    if (number == reason) message.append("; ").append(remedy);
  throw Error(message);
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags)
      : fd_(open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int close() { return ::close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

// 0, or errno.
int write_all(int fd, const char* bytes, size_t count) {
  while (count > 0) {
    const ssize_t written = ::write(fd, bytes, count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes += written;
    count -= static_cast<size_t>(written);
  }
  return 0;
}

// Lets `produce` write; `produce` can't hide a failure of the sink by catching it.
void fill(int fd, const std::string& path, const std::function<void(const ByteSink&)>& produce) {
  int failed = 0;
  const ByteSink sink = [&](const void* bytes, size_t count) {
    if (!failed) failed = write_all(fd, static_cast<const char*>(bytes), count);
    if (failed) fail_with(failed, "write", path);
  };
  try {
    produce(sink);
  } catch (const std::exception& error) {
    if (!failed) fail("cannot write '", path, "': ", error.what());
  }
  if (failed) fail_with(failed, "write", path);
}

// Removes the file unless it was renamed.
struct Temporary {
  explicit Temporary(const std::string& path) {
    static std::atomic<int> count{0};
    name = concat(path, ".", getpid(), ".", ++count, ".tmp");
  }
  ~Temporary() {
    if (!renamed) unlink(name.c_str());
  }
  std::string name;
  bool renamed = false;
};

void flush_folder_of(const std::string& path) {
  std::filesystem::path folder = std::filesystem::path(path).parent_path();
  const Descriptor file(folder.empty() ? "." : folder.string(), O_RDONLY | O_DIRECTORY);
  // EINVAL: a file system that has nothing to flush here.
  if (file.is_open() && fsync(file.get()) != 0 && errno != EINVAL)
    fail_with(errno, "flush the folder of", path);
}

void replace_file(const std::string& path, const std::function<void(const ByteSink&)>& produce) {
  Temporary temporary(path);
  Descriptor file(temporary.name, O_WRONLY | O_CREAT | O_EXCL);
  if (!file.is_open()) fail_with(errno, "write", path);
  fill(file.get(), path, produce);
  if (fsync(file.get()) != 0 || file.close() != 0) fail_with(errno, "write", path);
  if (std::rename(temporary.name.c_str(), path.c_str()) != 0) fail_with(errno, "write", path);
  temporary.renamed = true;
  flush_folder_of(path);
}

}  // namespace

void write_file(const std::string& path, const std::function<void(const ByteSink&)>& produce) {
  struct stat old {};
  if (stat(path.c_str(), &old) != 0) return replace_file(path, produce);
  if (S_ISREG(old.st_mode)) return replace_file(std::filesystem::canonical(path).string(), produce);
  Descriptor device(path, O_WRONLY);
  if (!device.is_open()) fail_with(errno, "write", path);
  fill(device.get(), path, produce);
}

void write_file(const std::string& path, std::string_view bytes) {
  write_file(path, [&](const ByteSink& sink) { sink(bytes.data(), bytes.size()); });
}

std::string read_file(const std::string& path, int64_t limit) {
  const Descriptor file(path, O_RDONLY);
  struct stat status {};
  if (!file.is_open() || fstat(file.get(), &status) != 0) fail_with(errno, "read", path);
  const auto check_size = [&](int64_t size) {
    check(size <= limit, "cannot read '", path, "': it has more than the ", limit,
          " bytes allowed");
  };
  check_size(status.st_size);
  // One byte more than the file has, so that the read that fills it is seen to be the last.
  std::string bytes(static_cast<size_t>(status.st_size) + 1, '\0');
  size_t count = 0;
  while (true) {
    const ssize_t got = ::read(file.get(), bytes.data() + count, bytes.size() - count);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_with(errno, "read", path);
    if (got == 0) break;
    count += static_cast<size_t>(got);
    check_size(static_cast<int64_t>(count));
    if (count == bytes.size()) bytes.resize(2 * count);
  }
  bytes.resize(count);
  return bytes;
}

}  // namespace papilio
