#include "papilio/apps/common/trials.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <filesystem>
#include <map>
#include <thread>

#include "papilio/apps/common/app.h"
#include "papilio/core/file.h"
#include "papilio/core/log.h"
#include "papilio/core/threads.h"

extern char** environ;

namespace papilio::apps {
namespace {

namespace fs = std::filesystem;

// Installed as papilio-train_mlp, built as train_mlp: beside this program, under its prefix.
std::string beside(const std::string& program) {
  const fs::path self = fs::read_symlink("/proc/self/exe");
  const std::string prefix = self.filename().string().starts_with("papilio-") ? "papilio-" : "";
  const fs::path path = self.parent_path() / (prefix + program);
  check(fs::exists(path), "there is no ", path.string(),
        ", which does the training; build or install it too");
  return path.string();
}

Config arguments_of(const Trial& trial) {
  Config list = Config::Array{};
  for (const std::string& argument : trial.arguments) list.push_back(argument);
  return list;
}

std::string last_lines(const std::string& file, size_t count) {
  std::string text = fs::exists(file) ? read_file(file) : "";
  size_t begin = text.size();
  for (size_t lines = 0; begin > 0 && lines <= count; --begin) lines += text[begin - 1] == '\n';
  return text.substr(begin == 0 ? 0 : begin + 1);
}

// The children of this process. They share its terminal, so Ctrl-C reaches them too; a SIGTERM is
// passed on.
class Children {
 public:
  explicit Children(const TrialOptions& options)
      : options_(options), program_(beside(options.program)) {
    stop = 0;
    for (const int signal : {SIGINT, SIGTERM}) {
      struct sigaction action = {};
      action.sa_handler = [](int which) { stop = which; };
      sigaction(signal, &action, &before_[signal]);
    }
  }
  ~Children() {
    for (const auto& [pid, trial] : running_) kill(pid, SIGTERM);
    for (const auto& [pid, trial] : running_) waitpid(pid, nullptr, 0);
    for (const auto& [signal, action] : before_) sigaction(signal, &action, nullptr);
  }
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;

  size_t count() const { return running_.size(); }
  bool stopped() const { return stop != 0; }

  void start(size_t index, const Trial& trial, int threads) {
    const std::string base = options_.folder + "/" + trial.name;
    std::vector<std::string> words = {program_};
    words.insert(words.end(), trial.arguments.begin(), trial.arguments.end());
    for (const std::string& word :
         {std::string("--out"), base, std::string("--threads"), std::to_string(threads),
          std::string("--json"), base + ".report", std::string("--resume")})
      words.push_back(word);
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, (base + ".log").c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0644);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    pid_t pid = 0;
    const int error = posix_spawn(&pid, program_.c_str(), &files, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    check(error == 0, "cannot start ", program_, ": ", std::system_category().message(error));
    running_[pid] = index;
  }

  /// Waits until one of them ends, or a signal comes: its trial's index and exit code, or nothing.
  std::optional<std::pair<size_t, int>> wait() {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, 0);
    if (pid < 0 || !running_.contains(pid)) return {};
    const size_t index = running_[pid];
    running_.erase(pid);
    return std::pair{index, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)};
  }

 private:
  static volatile sig_atomic_t stop;
  const TrialOptions& options_;
  std::string program_;
  std::map<pid_t, size_t> running_;
  std::map<int, struct sigaction> before_;
};
volatile sig_atomic_t Children::stop = 0;

// The report of a trial that is finished.
std::optional<Config> finished(const Trial& trial, const std::string& folder) {
  const std::string file = concat(folder, "/", trial.name, ".json");
  if (!fs::exists(file)) return {};
  const Config saved = Config::parse(read_file(file));
  check(saved.at("arguments").dump() == arguments_of(trial).dump(), file,
        " is the result of other arguments: ", saved.at("arguments").dump(),
        "; take another --out, or remove it");
  return saved.at("report");
}

Config collect(const Trial& trial, int code, const std::string& folder) {
  const std::string base = concat(folder, "/", trial.name);
  if (trial.may_diverge && code == kDiverged)
    write_file(
        base + ".report",
        Config{{"best_validation_accuracy", 0.0}, {"seconds", 0.0}, {"diverged", true}}.dump());
  check(code == 0 || (trial.may_diverge && code == kDiverged), "trial ", trial.name,
        " ended with exit code ", code, "; the end of ", base, ".log:\n",
        last_lines(base + ".log", 5));
  const Config report = Config::parse(read_file(base + ".report"));
  write_file(base + ".json",
             Config{{"arguments", arguments_of(trial)}, {"report", report}}.dump(2) + "\n");
  fs::remove(base + ".report");
  return report;
}

}  // namespace

std::optional<std::vector<Config>> run_trials(const std::vector<Trial>& trials,
                                              const TrialOptions& options) {
  fs::create_directories(options.folder);
  std::vector<Config> reports(trials.size());
  std::deque<size_t> left;
  for (size_t i = 0; i < trials.size(); ++i) {
    if (auto report = finished(trials[i], options.folder))
      reports[i] = *report;
    else
      left.push_back(i);
  }
  const size_t to_run = left.size();
  const int cores = std::max(1, threads()),
            parallel = options.parallel > 0 ? options.parallel : cores;
  Children children(options);
  const auto begin = std::chrono::steady_clock::now();
  size_t done = 0;
  while (!left.empty() || children.count() > 0) {
    while (!left.empty() && !children.stopped() &&
           children.count() < static_cast<size_t>(parallel)) {
      children.start(left.front(), trials[left.front()], std::max(1, cores / parallel));
      left.pop_front();
    }
    if (children.stopped() && children.count() == 0) break;
    const auto ended = children.wait();
    if (!ended) {
      if (children.stopped()) break;  // the destructor lets the others save and waits for them
      continue;
    }
    const auto [index, code] = *ended;
    if (code == kInterrupted) return {};
    reports[index] = collect(trials[index], code, options.folder);
    ++done;
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const double eta = seconds / static_cast<double>(done) * static_cast<double>(to_run - done);
    logging::info(concat(done, " of ", to_run, " runs: ", trials[index].name,
                         ", validation accuracy ",
                         reports[index].at("best_validation_accuracy").as_double(), ", ",
                         std::llround(reports[index].at("seconds").as_double()), " s; about ",
                         std::llround(eta / 60), " min left"));
  }
  if (children.stopped()) return {};
  return reports;
}

}  // namespace papilio::apps
