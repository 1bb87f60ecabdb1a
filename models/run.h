// Run: the folder of a training run, {config.json, metrics.csv, log.txt, last.safetensors,
// best.safetensors}.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "papilio/core/config.h"
#include "papilio/core/log.h"
#include "papilio/models/checkpoint.h"
#include "papilio/models/metrics.h"

namespace papilio::models {

enum class Existing {
  refuse,  ///< a folder that already holds a run is an Error
  resume,  ///< continue it; start afresh when there is none
  replace  ///< delete its files, then start afresh
};

/// Holds the folder's lock (flock on the folder, which dies with the process) while it lives. Every
/// file is replaced atomically, so that a run can be killed at any moment.
class Run {
 public:
  /// Makes the folder, and writes `config` to config.json when the run is new. Throws Error when
  /// another process uses the folder, when there is a run and `existing` is refuse, or when it is
  /// resumed with another config: the message lists the keys that differ.
  Run(const std::string& folder, const Config& config, Existing existing);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  /// Path of a file in the folder.
  std::string path(const std::string& file) const { return folder_ + "/" + file; }
  /// The checkpoint to continue from; none when the run is new or was killed before the first.
  std::optional<Checkpoint> last() const;

  void save_last(const Checkpoint& checkpoint) const;
  void save_best(const Checkpoint& checkpoint) const;
  /// Rewrites metrics.csv unless it is already so.
  void write_metrics(const std::vector<EpochMetrics>& history) const;
  /// From now on the log goes to log.txt too, after what is there.
  void open_log();

 private:
  void check_config(const Config& config) const;

  std::string folder_;
  int lock_ = -1;
  std::unique_ptr<logging::File> log_;
};

}  // namespace papilio::models
