#include "papilio/apps/common/app.h"

#include <cmath>
#include <filesystem>
#include <iostream>

#include "papilio/core/file.h"
#include "papilio/core/log.h"
#include "papilio/core/memory.h"
#include "papilio/core/system.h"
#include "papilio/core/threads.h"
#include "papilio/models/fit.h"

namespace papilio::apps {
namespace {

std::string option_list(const CLI::App& app) {
  std::string names;
  for (const CLI::Option* option : app.get_options())
    names += (names.empty() ? "" : ", ") + option->get_name();
  return names;
}

int usage_error(const CLI::App& app, const std::string& message) {
  std::cerr << "error: " << message << "\nvalid: " << option_list(app) << "\n'" << app.get_name()
            << " --help' explains them\n";
  return kUsage;
}

CLI::Validator number_check(bool (*allowed)(double), const char* needed) {
  return CLI::Validator(
      [=](const std::string& text) -> std::string {
        double value = 0;
        const bool number = CLI::detail::lexical_cast(text, value) && std::isfinite(value);
        return number && allowed(value) ? "" : concat(text, ", a number ", needed, " is needed");
      },
      "");
}

}  // namespace

int run(CLI::App& app, int argc, char** argv, const std::function<int()>& body) {
  for (CLI::Option* option :
       app.get_options())  // said twice, the last one counts: handy in scripts
    if (option->get_expected_max() == 1)
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    return kSuccess;
  } catch (const CLI::ParseError& error) {
    return usage_error(app, error.what());
  }
  memory::keep_freed_memory();
  try {
    return body();
  } catch (const models::Diverged& error) {
    logging::error(error.what());
    return kDiverged;
  } catch (const std::exception& error) {
    logging::error(error.what());
    return kFailure;
  }
}

CLI::Validator not_negative() {
  return number_check([](double value) { return value >= 0; }, "of at least 0");
}
CLI::Validator positive() {
  return number_check([](double value) { return value > 0; }, "above 0");
}

void add_threads(CLI::App& app) {
  app.add_option_function<int>(
         "--threads",
         [](int count) {
           if (count > 0) set_threads(count);
         },
         "Threads of our own loops and of oneDNN; 0 = all cores")
      ->check(not_negative())
      ->type_name("N");
}

void add_json(CLI::App& app, std::string& file) {
  app.add_option("--json", file, "Write the report as JSON; '-' is the standard output")
      ->type_name("FILE");
}

void write_json(const std::string& file, const Config& report) {
  if (file.empty()) return;
  const std::string text = report.dump(2) + "\n";
  if (file == "-")
    std::cout << text << std::flush;
  else
    write_file(file, text);
}

void check_output(const std::string& from, const std::string& to, bool replace) {
  if (!std::filesystem::exists(to)) return;
  check(!std::filesystem::exists(from) || !std::filesystem::equivalent(from, to), "'", to,
        "' is the checkpoint itself; write to another file");
  check(replace, "'", to, "' exists; --force replaces it");
}

void log_system() {
  const SystemInfo system = system_info();
  logging::info(concat("Papilio ", system.version, ", ", system.cpu, ", SIMD ", system.simd,
                       ", BLAS ", system.blas, ", ", system.threads,
                       system.threads == 1 ? " thread" : " threads"));
  if (!system.optimised) logging::warning("built without optimisation: use cmake --preset release");
}

}  // namespace papilio::apps
