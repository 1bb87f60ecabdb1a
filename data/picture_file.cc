#include "papilio/data/picture_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "papilio/data/picture.h"

namespace papilio::data {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 28;

[[noreturn]] void fail_with(int reason, const std::string& path) {
  const std::string message = concat("cannot read '", path, "': ", std::strerror(reason));
  switch (reason) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      throw Error(message);
    default:
      throw DamagedPicture(message);
  }
}

struct Descriptor {
  explicit Descriptor(const std::string& path)
      : number(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~Descriptor() {
    if (number >= 0) close(number);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  const int number;
};

}  // namespace

std::string read_picture_file(const std::string& path) {
  const Descriptor file(path);
  struct stat status {};
  if (file.number < 0 || fstat(file.number, &status) != 0) fail_with(errno, path);
  check_picture(S_ISREG(status.st_mode), "cannot read '", path, "': it is no regular file");
  check_picture(status.st_size <= kMaxBytes, "cannot read '", path, "': it has ", status.st_size,
                " bytes, at most ", kMaxBytes, " are allowed");
  std::string bytes(static_cast<size_t>(status.st_size), '\0');
  size_t count = 0;
  while (count < bytes.size()) {
    const ssize_t got = ::read(file.number, bytes.data() + count, bytes.size() - count);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_with(errno, path);
    if (got == 0) break;  // it has become shorter; the decoder will say so
    count += static_cast<size_t>(got);
  }
  bytes.resize(count);
  return bytes;
}

}  // namespace papilio::data
