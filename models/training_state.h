// Where a training run stands: with the weights and the optimizer's state it is all that a
// checkpoint needs to resume. Internal to models/.
#pragma once

#include <cstdint>
#include <vector>

#include "papilio/core/config.h"
#include "papilio/models/metrics.h"

namespace papilio::models {

struct TrainingState {
  int64_t epoch = 0, step = 0;  ///< finished epochs, and steps of the one that is under way
  double loss_sum = 0;          ///< over the images of this epoch so far
  int64_t correct = 0, images = 0;
  int64_t best_epoch = 0;
  double best_accuracy = -1;
  std::vector<EpochMetrics> history;

  double train_loss() const { return loss_sum / static_cast<double>(images); }
  double train_accuracy() const {
    return static_cast<double>(correct) / static_cast<double>(images);
  }
  /// Validation accuracies of the finished epochs.
  std::vector<double> validation() const;

  /// Ends the epoch: adds to the history, and begins the next. True when it is the best so far.
  bool finish_epoch(int64_t steps_done, double learning_rate, double validation_loss,
                    double validation_accuracy);

  Config to_config() const;
  /// Throws Error when a field is missing or of another type.
  static TrainingState from_config(const Config& config);
};

}  // namespace papilio::models
