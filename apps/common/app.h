// What all executables share: how they parse, fail, report and end.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "papilio/core/config.h"

namespace papilio::apps {

// Exit codes of every executable.
inline constexpr int kSuccess = 0;
inline constexpr int kFailure = 1;        ///< an Error: the message is on the standard error stream
inline constexpr int kUsage = 2;          ///< the command line is wrong
inline constexpr int kDiverged = 3;       ///< training that left the finite numbers
inline constexpr int kInterrupted = 130;  ///< Ctrl-C; the state is saved

/// Parses the command line and runs `body`, whose result is the exit code. An unknown option lists
/// the valid ones.
int run(CLI::App& app, int argc, char** argv, const std::function<int()>& body);

/// Checks of an option's finite number: CLI11's own print the largest double in full.
CLI::Validator not_negative();
CLI::Validator positive();

/// --threads N, and the thread count is set before `body` runs; 0 = all cores.
void add_threads(CLI::App& app);
/// --json FILE, "-" for the standard output stream.
void add_json(CLI::App& app, std::string& file);
/// Writes `report` where --json asked for; nothing when it did not.
void write_json(const std::string& file, const Config& report);

/// Throws Error when `to` is the file `from`, and when it exists and may not be replaced.
void check_output(const std::string& from, const std::string& to, bool replace);

/// One log line: version, processor, SIMD target, dense libraries, threads; and a warning for a
/// build without optimisation.
void log_system();

}  // namespace papilio::apps
