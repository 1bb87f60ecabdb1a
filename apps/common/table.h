// What the tables of many trained networks share: their options, and what of a row comes from its
// runs.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "papilio/apps/common/trials.h"

namespace papilio::apps {

struct TableOptions {
  std::string data = {}, out = {}, json = {};
  std::string choose_by = "accuracy";  ///< or "loss"
  std::vector<double> rates = {};      ///< to choose from
  double validation = 0.1;             ///< share of the training set
  double structured_lr = 1;
  int64_t batch = 0, epochs = 0, search_epochs = 0, workers = 0;
  int parallel = 0;  ///< runs at a time; 0 = one a core
};

/// Parts of the help texts.
struct TableTexts {
  std::string trainer;        ///< "train_mlp"
  std::string structured;     ///< what --structured-lr is for, "structured matrices"
  std::string rates;          ///< of --lr
  std::string search_epochs;  ///< behind "Of the runs that choose it"
};

/// Adds all but --threads and --json, which stand last; what `o` holds are the defaults.
void add_table_options(CLI::App& app, TableOptions& o, const TableTexts& texts);

/// compare() with the trainer, and with the folder, the parallel runs and the criterion of the
/// options. Logs that Ctrl-C ended it.
std::optional<std::vector<MethodResult>> compare(Comparison comparison, const std::string& trainer,
                                                 const TableOptions& o);

/// Puts learning_rate, search, seeds, accuracy and spread (of test_accuracy) into the row; unless
/// the result is the first one, also the paired difference from that, and of several seeds its
/// standard_error.
void add_outcome(Config& row, const MethodResult& result, const MethodResult& first);

}  // namespace papilio::apps
