#include "papilio/models/training_state.h"

namespace papilio::models {

std::vector<double> TrainingState::validation() const {
  std::vector<double> accuracies;
  for (const EpochMetrics& metrics : history) accuracies.push_back(metrics.validation_accuracy);
  return accuracies;
}

bool TrainingState::finish_epoch(int64_t steps_done, double learning_rate, double validation_loss,
                                 double validation_accuracy) {
  history.push_back({.epoch = ++epoch,
                     .step = steps_done,
                     .learning_rate = learning_rate,
                     .train_loss = train_loss(),
                     .train_accuracy = train_accuracy(),
                     .validation_loss = validation_loss,
                     .validation_accuracy = validation_accuracy});
  step = images = correct = 0;
  loss_sum = 0;
  if (validation_accuracy <= best_accuracy) return false;
  best_accuracy = validation_accuracy;
  best_epoch = epoch;
  return true;
}

Config TrainingState::to_config() const {
  Config all = {{"epoch", epoch},
                {"step", step},
                {"loss_sum", loss_sum},
                {"correct", correct},
                {"images", images},
                {"best_epoch", best_epoch},
                {"best_accuracy", best_accuracy},
                {"history", Config::Array{}}};
  for (const EpochMetrics& metrics : history) all["history"].push_back(models::to_config(metrics));
  return all;
}

TrainingState TrainingState::from_config(const Config& config) {
  TrainingState state{.epoch = config.at("epoch").as_int(),
                      .step = config.at("step").as_int(),
                      .loss_sum = config.at("loss_sum").as_double(),
                      .correct = config.at("correct").as_int(),
                      .images = config.at("images").as_int(),
                      .best_epoch = config.at("best_epoch").as_int(),
                      .best_accuracy = config.at("best_accuracy").as_double(),
                      .history = {}};
  for (const Config& metrics : config.at("history").as_array())
    state.history.push_back(epoch_metrics(metrics));
  return state;
}

}  // namespace papilio::models
