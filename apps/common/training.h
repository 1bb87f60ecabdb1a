// The options that every trainer has, and how they become a run.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "papilio/data/dataset.h"
#include "papilio/layers/module.h"
#include "papilio/models/evaluate.h"
#include "papilio/models/fit.h"

namespace papilio::apps {

struct TrainingOptions {
  std::string data, out, init, json;
  std::vector<double> rates = {0.02};
  models::FitOptions fit;
  double momentum = 0.9, weight_decay = 0, validation = 0.15, part = 1, structured_lr = 1;
  std::string schedule = "constant";
  double warm_up = 0;   ///< epochs; a linear schedule begins after them
  double lr_decay = 1;  ///< with the constant schedule only
  bool orthogonal = false;
  std::string teacher = {}, recipe = "paper";
};

/// Adds --data --out --epochs --batch --lr --seed --threads --workers --resume --force --init
/// --json, the options of the optimizer and the schedule, the training aids that are off unless
/// asked for, and --recipe, a preset of those that the command line does not give. The initial
/// values of `options` are the defaults, and the preset "paper".
void add_training(CLI::App& app, TrainingOptions& options);

/// The names of hidden layers, for help texts: "dense, butterfly, ...".
std::string hidden_list();

/// The training and the validation part of a training set, as --validation, --part and --seed say.
std::pair<data::AnyDataset, data::AnyDataset> split(const data::AnyDataset& all,
                                                    const TrainingOptions& options);

/// A trainer's part of the work: `make` builds the untrained model, `config` is what it adds to
/// config.json.
struct Experiment {
  data::AnyDataset train, validation;
  std::function<std::unique_ptr<Module>()> make;
  Config config;
};

struct TrainingResult {
  models::FitReport report;
  double rate = 0;  ///< the learning rate of the kept run
};

/// Trains with the one learning rate, or with each of several in a folder of its own inside --out
/// ("lr-0.02"); the run of the best validation accuracy is then copied to --out itself. Killed and
/// resumed, it ends with the same files.
TrainingResult train(const Experiment& experiment, const TrainingOptions& options);

/// What every trainer reports, to which it may add; `best` is the model that `test` is the score
/// of.
Config report(const TrainingResult& result, const TrainingOptions& options, Module& best,
              const models::Score& test);
/// Prints the report, writes it where --json asked for, and returns the exit code.
int finish(const TrainingOptions& options, const Config& report);

}  // namespace papilio::apps
