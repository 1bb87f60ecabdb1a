// Hyper-parameter search by asynchronous successive halving: many short trials, of which the best
// go on (Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020).
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>

namespace papilio::optim {

/// One setting of the hyper-parameters and its training so far.
class Trial {
 public:
  virtual ~Trial() = default;
  /// Trains up to the end of the next rung and returns the loss there; infinite or NaN is a
  /// failure. Once `stopped` is true it may return anything at once.
  virtual double advance(const std::function<bool()>& stopped) = 0;
  /// A copy that later rungs leave alone: the search keeps one of the best.
  virtual std::unique_ptr<Trial> clone() const = 0;
};

struct HalvingProgress {
  int64_t begun;     ///< trials
  int64_t advances;  ///< rungs that were trained, of all trials
  double best;       ///< loss so far
  double seconds;
};

struct HalvingOptions {
  int64_t trials = 64;    ///< how many are begun at most
  int64_t rungs = 4;      ///< a trial advances so often at most
  int64_t reduction = 3;  ///< of the trials that ended a rung, the best 1/reduction go on
  int workers = 1;        ///< trials at a time, each on a plain thread with one OpenMP thread
  double target = -std::numeric_limits<double>::infinity();  ///< a loss that ends the search
  double budget_seconds = std::numeric_limits<double>::infinity();
  std::string state_file =
      {};  ///< where losses are kept, to go on after an interruption; empty: not
  std::string state_key = {};       ///< of the problem: a file with another key is an Error
  std::function<bool()> stop = {};  ///< asked often; true ends the search, as when interrupted
  std::function<void(const HalvingProgress&)> progress = {};  ///< called by one thread at a time
};

struct HalvingResult {
  /// As it was at the end of the rung with the lowest loss. Null when no rung ended with a finite
  /// loss. When `stop` leaves no time to train that trial again after an interruption, the best of
  /// what was trained since then, or null.
  std::unique_ptr<Trial> trial;
  int64_t number = -1;  ///< of that trial
  double loss = std::numeric_limits<double>::infinity();
  int64_t begun = 0, advances = 0;
  double seconds = 0;        ///< with those of the interrupted searches before
  bool interrupted = false;  ///< by options.stop
};

/// `make(number)` makes trials 0, 1, ...; it and the trials must depend on the number alone, then
/// an interrupted search goes on from its state file: the trials that are needed again are trained
/// again. A free worker takes the highest rung that has a trial to promote, else a new trial. Which
/// trial is promoted depends on which others have ended by then, and so on the speed of the
/// machine. Exceptions of trials, `stop` and `progress` end the search and are rethrown; a state
/// file that can't be written is a warning in the log.
HalvingResult search_by_halving(const std::function<std::unique_ptr<Trial>(int64_t number)>& make,
                                const HalvingOptions& options);

}  // namespace papilio::optim
