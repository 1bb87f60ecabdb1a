#include "papilio/tests/apps/process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "papilio/core/error.h"
#include "papilio/core/file.h"
#include "papilio/tests/models/toy.h"

namespace papilio::testing {
namespace {

void redirect(int stream, const std::string& file) {
  const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dup2(fd, stream);
  close(fd);
}

std::string big_endian(int64_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 255);
  return bytes;
}

template <class Container>
std::string idx(const std::vector<int64_t>& sizes, const Container& values) {
  std::string bytes = {0, 0, 8, static_cast<char>(sizes.size())};
  for (const int64_t size : sizes) bytes += big_endian(size);
  for (const auto value : values) bytes += static_cast<char>(value);
  return bytes;
}

}  // namespace

pid_t start(const std::vector<std::string>& arguments, const std::string& out,
            const std::string& err) {
  const std::string program = concat(PAPILIO_BINARY_DIR, "/bin/", arguments.at(0));
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t child = fork();
  check(child >= 0, "fork failed");
  if (child == 0) {
    redirect(STDOUT_FILENO, out);
    redirect(STDERR_FILENO, err);
    execv(program.c_str(), argv.data());
    _exit(127);
  }
  return child;
}

int wait_for(pid_t process) {
  int status = 0;
  check(waitpid(process, &status, 0) == process, "waitpid failed");
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

Outcome run(const std::vector<std::string>& arguments) {
  const TemporaryFolder folder;
  const int code = wait_for(start(arguments, folder / "out", folder / "err"));
  return {code, read_file(folder / "out"), read_file(folder / "err")};
}

void write_mnist(const std::string& folder, int64_t train, int64_t test, int64_t side) {
  std::filesystem::create_directories(folder);
  const auto write = [&](const std::string& part, int64_t count, uint64_t seed) {
    write_file(folder + "/" + part + "-images-idx3-ubyte",
               idx({count, side, side}, toy_levels(count, side, seed)));
    write_file(folder + "/" + part + "-labels-idx1-ubyte", idx({count}, toy_labels(count)));
  };
  write("train", train, 1);
  write("t10k", test, 2);
}

}  // namespace papilio::testing
