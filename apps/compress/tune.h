// How `compress` trains what it has made: by distillation from the original, in a run folder that
// can be resumed.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "papilio/data/dataset.h"
#include "papilio/models/compress.h"

namespace papilio::apps {

struct TuneOptions {
  int64_t epochs = 5, batch = 128;
  double lr = 1e-3, structured_lr = 1, temperature = 2, teacher_weight = 0.7;
  double validation = 0.15, part = 1;
  uint64_t seed = 0;
  int workers = 0;
  bool resume = false;
};
/// Adds --finetune and the options of the training.
void add_tune(CLI::App& app, TuneOptions& options);

/// Where a compression keeps what it has made so far, and the settings that decide the result.
struct TuneRun {
  std::string folder;
  Config settings;
};

/// Everything of `options` that decides the result.
Config settings(const TuneOptions& options);

/// models::compress(), kept in the run folder; with options.resume what is kept there, when there
/// is something. Throws Error when that was made with other settings.
std::vector<models::CompressedLayer> project(Module& student, const data::AnyDataset& train,
                                             const models::CompressOptions& compress,
                                             const TuneOptions& options, const TuneRun& run);

/// Trains `student` with Adam and a cosine schedule on the logits of the teacher and the
/// labels, and leaves the values of the best validation accuracy
/// in it: those from before when no epoch is better. False when Ctrl-C ended it; the state is
/// saved.
bool tune(Module& student, const std::shared_ptr<Module>& teacher, const data::AnyDataset& train,
          const data::AnyDataset& validation, const TuneOptions& options, const TuneRun& run);

}  // namespace papilio::apps
