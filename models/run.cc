#include "papilio/models/run.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "papilio/core/file.h"

namespace papilio::models {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFiles[] = {"config.json", "metrics.csv", "log.txt", "last.safetensors",
                                  "best.safetensors"};

int locked_folder(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  check(!error, "run folder '", folder, "' can't be made: ", error.message(),
        "; choose another --out");
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  check(fd >= 0, "run folder '", folder, "' can't be opened: ", std::strerror(errno),
        "; choose another --out");
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  const int reason = errno;
  close(fd);
  if (reason == EWOULDBLOCK)
    fail("run folder '", folder,
         "' is in use by another process; wait for it, or choose another --out");
  fail("run folder '", folder, "' can't be locked: ", std::strerror(reason));
}

// What a killed process left half-written: "last.safetensors.123.0.tmp".
void remove_leftovers(const std::string& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    for (const char* file : kFiles)
      if (name.starts_with(std::string(file) + ".") && name.ends_with(".tmp"))
        fs::remove(entry.path());
  }
}

}  // namespace

Run::Run(const std::string& folder, const Config& config, Existing existing)
    : folder_(folder), lock_(locked_folder(folder)) {
  try {
    remove_leftovers(folder);
    bool is_run = false;
    for (const char* file : kFiles) is_run |= fs::exists(path(file));
    check(!is_run || existing != Existing::refuse, "run folder '", folder,
          "' already holds a run; --resume continues it, --force replaces it, or choose another "
          "--out");
    if (existing == Existing::replace)
      for (const char* file : kFiles) fs::remove(path(file));
    if (fs::exists(path("config.json")))
      check_config(config);
    else
      write_file(path("config.json"), config.dump(2) + "\n");
  } catch (...) {
    close(lock_);
    throw;
  }
}

Run::~Run() { close(lock_); }

void Run::check_config(const Config& config) const {
  Config before;
  try {
    before = Config::parse(read_file(path("config.json")));
  } catch (const Error& error) {
    fail("'", path("config.json"), "' can't be read: ", error.message(),
         "; restore it, or start again with --force");
  }
  // What was written reads back as the same value, so that numbers compare by their bits.
  const Config now = Config::parse(config.dump());
  std::string differences;
  for (const auto& [key, value] : now.as_object()) {
    const Config* old = before.find(key);
    if (!old || !(*old == value))
      differences +=
          concat("\n  ", key, " was ", old ? old->dump() : "not set", ", is now ", value.dump());
  }
  for (const auto& [key, value] : before.as_object())
    if (!now.contains(key))
      differences += concat("\n  ", key, " was ", value.dump(), ", is now not set");
  check(differences.empty(), "run folder '", folder_,
        "' was started with other settings:", differences,
        "\nresume with the same ones, or choose another --out");
}

std::optional<Checkpoint> Run::last() const {
  if (!fs::exists(path("last.safetensors"))) return std::nullopt;
  return read_checkpoint(path("last.safetensors"));
}

void Run::save_last(const Checkpoint& checkpoint) const {
  write_checkpoint(path("last.safetensors"), checkpoint);
}
void Run::save_best(const Checkpoint& checkpoint) const {
  write_checkpoint(path("best.safetensors"), checkpoint);
}

void Run::write_metrics(const std::vector<EpochMetrics>& history) const {
  const std::string csv = to_csv(history);
  if (!fs::exists(path("metrics.csv")) || read_file(path("metrics.csv")) != csv)
    write_file(path("metrics.csv"), csv);
}

void Run::open_log() { log_ = std::make_unique<logging::File>(path("log.txt")); }

}  // namespace papilio::models
