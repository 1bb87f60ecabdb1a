#include "papilio/core/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "papilio/core/error.h"

namespace papilio::logging {
namespace {

struct Row {
  spdlog::level::level_enum level;
  std::string_view prefix;
};
constexpr Row kLevels[] = {{spdlog::level::debug, "debug: "},
                           {spdlog::level::info, ""},
                           {spdlog::level::warn, "warning: "},
                           {spdlog::level::err, "error: "}};

const Row& row(Level level) { return kLevels[static_cast<size_t>(level)]; }

struct Log {
  Log() {
    auto screen = std::make_shared<spdlog::sinks::stderr_sink_st>();
    screen->set_pattern("%v");
    sinks->add_sink(std::move(screen));
    logger.flush_on(spdlog::level::trace);  // a killed process loses no line
  }
  std::shared_ptr<spdlog::sinks::dist_sink_mt> sinks =
      std::make_shared<spdlog::sinks::dist_sink_mt>();
  spdlog::logger logger{"papilio", sinks};
};

// Never destroyed: objects of static lifetime may log after main().
Log& instance() {
  static auto* log = new Log;
  return *log;
}

}  // namespace

void write(Level level, std::string_view message) {
  instance().logger.log(row(level).level, "{}{}", row(level).prefix, message);
}

void set_level(Level level) { instance().logger.set_level(row(level).level); }

File::File(const std::string& path) {
  try {
    auto file = std::make_shared<spdlog::sinks::basic_file_sink_st>(path);
    file->set_pattern("%Y-%m-%d %H:%M:%S %v");
    instance().sinks->add_sink(file);
    sink_ = std::move(file);
  } catch (const spdlog::spdlog_ex& error) {
    fail("cannot write the log '", path, "': ", error.what());
  }
}

File::~File() {
  instance().sinks->remove_sink(std::static_pointer_cast<spdlog::sinks::sink>(sink_));
}

}  // namespace papilio::logging
