// Many training runs as child processes, several at a time, that a table is made of.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "papilio/core/config.h"

namespace papilio::apps {

struct Trial {
  std::string name;                    ///< of its files in the folder
  std::vector<std::string> arguments;  ///< of the trainer, without --out, --threads and --json
  /// Its report is then that of accuracy 0; else it is an Error, as any other failure.
  bool may_diverge = false;
};

struct TrialOptions {
  std::string program;  ///< the trainer, "train_mlp"; found beside this program
  std::string folder;   ///< gets NAME/ (the run folder), NAME.log and NAME.json for every trial
  int parallel = 0;     ///< trials at a time, each with its share of the threads; 0 = one a core
};

/// The trainers' reports, in the order of the trials; nothing when Ctrl-C ended it. What is
/// finished is not run again, what was begun goes on where it stopped. Throws Error when a trial
/// fails, with the end of its log, and when the folder holds a report of other arguments.
std::optional<std::vector<Config>> run_trials(const std::vector<Trial>& trials,
                                              const TrialOptions& options);

/// A method of a comparison: a row of the table.
struct Method {
  std::string name;
  std::vector<std::string> arguments;
  int seeds = 1;
};

/// By what of the validation part a learning rate is chosen. The loss tells more of short runs,
/// whose accuracy is a matter of a few pictures; that of runs which overfit says little of their
/// accuracy.
enum class Criterion : uint8_t { accuracy, loss };

/// First the learning rate of every method, by the validation part, then the runs.
/// A rate with which a run of the search diverges loses it, and one with which a final run does is
/// replaced by the best of the smaller ones, or by half of it.
struct Comparison {
  std::vector<Method> methods;
  std::vector<std::string> common, search, final;  ///< arguments of all, of one kind of run
  std::vector<double> rates;                       ///< to choose from; of one, there is no search
  Criterion criterion = Criterion::accuracy;
  /// While the best rate is the smallest or largest, another one beyond it is tried: half or twice.
  bool extend = false;
};

/// A run of the search; accuracy 0 and an infinite loss when it diverged.
struct Tried {
  double rate, validation_accuracy, validation_loss;
};

struct MethodResult {
  std::string name;
  double rate = 0;
  std::vector<Tried> search;  ///< in the order of the rates
  std::vector<Config> runs;   ///< reports, seed 0 first
};

std::optional<std::vector<MethodResult>> compare(const Comparison& comparison,
                                                 const TrialOptions& options);

/// Mean and standard deviation (n - 1) of a number of all runs; deviation 0 of a single one.
struct Spread {
  double mean = 0, deviation = 0;
  int count = 0;
};
Spread spread(const std::vector<double>& values);
std::vector<double> values(const MethodResult& result, const std::string& key);
/// Of the differences `a` - `b` of runs of one seed; its standard error is deviation / sqrt(count).
Spread paired_difference(const MethodResult& a, const MethodResult& b, const std::string& key);

}  // namespace papilio::apps
