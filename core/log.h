// The library's log: one line an event, to the standard error stream and, where a run folder is
// open, to its log.txt.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace papilio::logging {

enum class Level { debug, info, warning, error };

void write(Level level, std::string_view message);
inline void debug(std::string_view message) { write(Level::debug, message); }
inline void info(std::string_view message) { write(Level::info, message); }
inline void warning(std::string_view message) { write(Level::warning, message); }
inline void error(std::string_view message) { write(Level::error, message); }

/// The least level that is shown; info at first.
void set_level(Level level);
/// Also appends every line, with date and time, to the file `path` while the object lives. Throws
/// Error when it can't be opened.
class File {
 public:
  explicit File(const std::string& path);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

 private:
  std::shared_ptr<void> sink_;
};

}  // namespace papilio::logging
