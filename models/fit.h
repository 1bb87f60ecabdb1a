// fit: kill-proof training of a classifier in one call. The loop that the apps use.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "papilio/data/dataset.h"
#include "papilio/data/transforms.h"
#include "papilio/layers/module.h"
#include "papilio/models/metrics.h"
#include "papilio/models/run.h"

namespace papilio::models {

struct FitOptions {
  int64_t epochs = 30;
  int64_t batch = 50;
  double lr = 0.02;
  std::string optimizer = "sgd";                   ///< a name of optim/optimizer.h
  Config optimizer_options = {{"momentum", 0.9}};  ///< its other options
  Config schedule = {{"name", "constant"}};        ///< as optim::make_schedule takes it
  double clip_norm = 0;                            ///< clips the gradient's norm when > 0
  double label_smoothing = 0;
  double mixup = 0;  ///< alpha of MixUp (Zhang et al. 2018), such as 0.2; 0: off
  /// Of an exponential moving average of the weights, such as 0.999; 0: off. Validation and
  /// best.safetensors then take the average, with the statistics that norms have at the time.
  double average = 0;
  bool limit_factors = false;  ///< optim::limit_factors() after every step
  /// Learns from its logits too (Hinton et al. 2015): the loss is 1 - teacher_weight of the one by
  /// labels and teacher_weight of the one by the teacher's softmax, at this temperature.
  std::shared_ptr<Module> teacher = {};
  double teacher_weight = 0.5, temperature = 4;
  /// Augmentation of the training images, after the data set's own (AnyDataset::draw()).
  std::vector<data::Transform> transforms = {};
  uint64_t seed = 0;         ///< of the order of the examples and the augmentation
  int workers = 0;           ///< threads that prepare batches
  std::string out = {};      ///< run folder; empty: nothing is written
  bool resume = false;       ///< continue the run in `out`, if there is one
  bool force = false;        ///< replace the run in `out`
  double save_seconds = 60;  ///< a checkpoint at least so often, besides one each epoch
  /// What config.json holds, to be equal when the run is resumed; null: the options above and the
  /// model's config.
  Config config = {};
};

/// The loss or a weight is not finite: the learning rate is too high.
class Diverged : public Error {
 public:
  using Error::Error;
};

struct FitReport {
  std::vector<EpochMetrics> history;
  double best_validation_accuracy = 0;
  double best_validation_loss = 0;  ///< of the epoch of the best accuracy
  int64_t best_epoch = 0;
  bool interrupted = false;   ///< by Ctrl-C or SIGTERM; the state is saved
  bool was_finished = false;  ///< nothing was left to do
  double seconds = 0;         ///< of this process
  /// Of training, without validation and saving; 0 when there was none.
  double images_per_second = 0;
};

/// Trains `model` with cross-entropy on `train`, validates after every epoch, and leaves the last
/// weights in `model`. With `out`, last.safetensors holds the whole state (weights, optimizer,
/// position, history) and best.safetensors the model of the best validation accuracy (the first of
/// equals). Killed at any moment, even in mid-epoch, and resumed, the run ends with the same bytes
/// as an uninterrupted one: given equal thread count and SIMD target.
///
/// Throws Diverged when the loss is not finite, with the step and what to do; the last good
/// checkpoint stays.
FitReport fit(Module& model, const data::AnyDataset& train, const data::AnyDataset& validation,
              const FitOptions& options = {});

}  // namespace papilio::models
