// Long because the loop, what it saves and what it says are one thing.

#include "papilio/models/fit.h"

#include <chrono>
#include <cmath>
#include <map>
#include <memory>
#include <optional>

#include "papilio/core/log.h"
#include "papilio/data/loader.h"
#include "papilio/models/evaluate.h"
#include "papilio/models/interrupt.h"
#include "papilio/models/progress.h"
#include "papilio/models/registry.h"
#include "papilio/models/training_aids.h"
#include "papilio/models/training_state.h"
#include "papilio/optim/clip.h"
#include "papilio/optim/limit_factors.h"
#include "papilio/optim/optimizer.h"
#include "papilio/optim/schedule.h"

namespace papilio::models {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

const FitOptions& checked(const FitOptions& o, const data::AnyDataset& validation) {
  check(o.epochs >= 1, "fit: epochs is ", o.epochs, ", at least 1 is needed");
  check(o.batch >= 1, "fit: batch is ", o.batch, ", at least 1 is needed");
  check(o.lr > 0 && std::isfinite(o.lr), "fit: lr is ", o.lr, ", a positive number is needed");
  check(o.clip_norm >= 0, "fit: clip_norm is ", o.clip_norm,
        ", 0 (off) or a positive number is needed");
  check(o.mixup >= 0 && std::isfinite(o.mixup), "fit: mixup is ", o.mixup,
        ", 0 (off) or a positive number is needed");
  check(o.average >= 0 && o.average < 1, "fit: average is ", o.average,
        ", 0 (off) or a decay below 1 is needed");
  check(o.teacher_weight >= 0 && o.teacher_weight <= 1 && o.temperature > 0,
        "fit: teacher_weight is ", o.teacher_weight, " and temperature ", o.temperature,
        ", 0 to 1 and a positive number are needed");
  check(o.save_seconds > 0, "fit: save_seconds is ", o.save_seconds,
        ", a positive number is needed");
  check(validation.size() > 0,
        "fit: the validation set is empty; take a part of the training set with "
        "data::split_validation()");
  return o;
}

Config with_rate(Config options, double lr) {
  options["lr"] = lr;
  return options;
}

class Fit {
 public:
  Fit(Module& model, const data::AnyDataset& train, const data::AnyDataset& validation,
      const FitOptions& options)
      : model_(model),
        validation_(validation),
        options_(checked(options, validation)),
        input_(model.input().is_null() ? train.info().input : model.input()),
        loader_(train, {.batch = options.batch,
                        .shuffle = true,
                        .seed = options.seed,
                        .workers = options.workers,
                        .augment = true,
                        .transforms = options.transforms}),
        optimizer_(optim::make_optimizer(options.optimizer, model.parameters(),
                                         with_rate(options.optimizer_options, options.lr))),
        schedule_(optim::make_schedule(options.schedule, loader_.steps(),
                                       loader_.steps() * options.epochs)) {
    if (options.average > 0) average_.emplace(model.parameters(), options.average);
  }

  FitReport run() {
    const auto start = Clock::now();
    open();
    if (!finished()) train();
    FitReport report = report_;
    report.history = state_.history;
    report.best_epoch = state_.best_epoch;
    report.best_validation_accuracy = state_.best_accuracy;
    for (const EpochMetrics& epoch : state_.history)
      if (epoch.epoch == state_.best_epoch) report.best_validation_loss = epoch.validation_loss;
    report.seconds = seconds_since(start);
    report.images_per_second = images_per_second();
    return report;
  }

 private:
  bool finished() const { return state_.epoch >= options_.epochs; }

  void open() {
    if (options_.out.empty()) return;
    const Existing existing = options_.force    ? Existing::replace
                              : options_.resume ? Existing::resume
                                                : Existing::refuse;
    run_.emplace(options_.out, options_.config.is_null() ? own_config() : options_.config,
                 existing);
    if (const auto last = run_->last()) {
      resume_from(*last);
      run_->write_metrics(state_.history);
    }
    report_.was_finished = finished();
    if (finished()) return;
    run_->open_log();
    if (state_.epoch > 0 || state_.step > 0)
      logging::info(concat("resuming '", options_.out, "' in epoch ", state_.epoch + 1,
                           " after step ", state_.step));
  }

  Config own_config() const {
    Config config = plain_config();
    if (options_.mixup > 0) config["mixup"] = options_.mixup;
    if (options_.average > 0) config["average"] = options_.average;
    if (options_.limit_factors) config["limit_factors"] = true;
    if (options_.teacher)
      config["teacher"] = {{"model", options_.teacher->describe()},
                           {"weight", options_.teacher_weight},
                           {"temperature", options_.temperature}};
    return config;
  }

  Config plain_config() const {
    return {{"model", registered_name(model_)},
            {"model_config", model_.config()},
            {"data", loader_.dataset().info().name},
            {"epochs", options_.epochs},
            {"batch", options_.batch},
            {"lr", options_.lr},
            {"optimizer", options_.optimizer},
            {"optimizer_options", options_.optimizer_options},
            {"schedule", options_.schedule},
            {"clip_norm", options_.clip_norm},
            {"label_smoothing", options_.label_smoothing},
            {"seed", static_cast<int64_t>(options_.seed)}};
  }

  void resume_from(const Checkpoint& last) {
    const std::string file = run_->path("last.safetensors");
    try {
      const TrainingState state = TrainingState::from_config(last.training);
      restore(model_, last, file);
      restore_state(last);
      state_ = state;
    } catch (const Error& error) {
      fail("'", file, "' can't be resumed: ", error.message(), "; start again with --force");
    }
  }

  void for_each_state(const std::function<void(const std::string& name, Tensor& value)>& visit) {
    optimizer_->for_each_state(visit);
    if (average_) average_->for_each_state(visit);
  }

  void restore_state(const Checkpoint& last) {
    std::map<std::string, const Tensor*> stored;
    for (const auto& [name, tensor] : last.state) stored.emplace(name, &tensor);
    for_each_state([&](const std::string& name, Tensor& value) {
      const auto found = stored.find(name);
      check(found != stored.end(), "the training state '", name, "' is missing");
      value.assign(*found->second);
    });
  }

  void train() {
    const Interrupt interrupt;
    Progress progress(static_cast<double>(loader_.steps() * options_.epochs),
                      static_cast<double>(steps_done()));
    last_save_ = Clock::now();
    while (!finished()) {
      if (!train_epoch(progress)) {
        report_.interrupted = true;
        progress.clear();
        logging::warning(options_.out.empty()
                             ? std::string("stopped")
                             : concat("stopped in epoch ", state_.epoch + 1, " after step ",
                                      state_.step, "; the state is saved, --resume continues"));
        return;
      }
      progress.clear();
      finish_epoch();
    }
  }

  double images_per_second() const {
    return train_seconds_ > 0 ? static_cast<double>(trained_images_) / train_seconds_ : 0;
  }

  int64_t steps_done() const { return state_.epoch * loader_.steps() + state_.step; }

  // False when it was interrupted; the state is then saved.
  bool train_epoch(Progress& progress) {
    const auto start = Clock::now();
    const int64_t images_before = trained_images_;
    double saving = 0;
    for (const auto& [images, labels] : loader_.epoch(state_.epoch, state_.step)) {
      train_step(images, labels);
      progress.update(static_cast<double>(steps_done()), progress_text(images_before, start));
      const bool stop = Interrupt::requested();
      if (run_ && (stop || seconds_since(last_save_) >= options_.save_seconds)) {
        const auto before = Clock::now();
        save_last();
        saving += seconds_since(before);
      }
      if (stop) return false;
    }
    train_seconds_ += seconds_since(start) - saving;
    return true;
  }

  // Of a step of the epoch that is under way, not asked of the optimizer: one that was resumed
  // behind the epoch's last step has not made it.
  double rate_of_step(int64_t step) const {
    return options_.lr * schedule_({.step = step, .validation = state_.validation()});
  }

  // By the labels of the batch, mixed or not, and by the teacher.
  Tensor loss_of(const Tensor& logits, const MixedBatch& batch, const Tensor& teacher) const {
    Tensor loss = cross_entropy(logits, batch.labels, options_.label_smoothing);
    if (batch.second.defined())
      loss = scale(loss, batch.share) +
             scale(cross_entropy(logits, batch.second, options_.label_smoothing), 1 - batch.share);
    if (!teacher.defined()) return loss;
    return scale(loss, 1 - options_.teacher_weight) +
           scale(distillation_loss(logits, teacher, options_.temperature), options_.teacher_weight);
  }

  void train_step(const Tensor& images, const Tensor& labels) {
    const MixedBatch batch =
        mix_up(images, labels, options_.mixup,
               Rng(options_.seed).split("mixup").split(static_cast<uint64_t>(steps_done())));
    const Tensor teacher = options_.teacher ? (*options_.teacher)(batch.images) : Tensor();
    Tape tape;
    const Tensor logits = model_(batch.images);
    const Tensor loss = loss_of(logits, batch, teacher);
    const double value = loss.item();
    if (!std::isfinite(value))
      throw Diverged(concat("fit: the loss is ", value, " in epoch ", state_.epoch + 1, ", step ",
                            state_.step + 1, run_ ? "; the last good checkpoint is kept" : "",
                            "; lower the learning rate (it is ", options_.lr,
                            ") or clip the gradient's norm"));
    tape.backward(loss);
    if (options_.clip_norm > 0)
      optim::clip_gradient_norm(optimizer_->parameters(), options_.clip_norm);
    optimizer_->set_learning_rate(rate_of_step(steps_done()));
    optimizer_->step();
    if (options_.limit_factors) optim::limit_factors(optimizer_->parameters());
    if (average_) average_->update(steps_done() + 1);
    count(logits, labels, value);
  }

  void count(const Tensor& logits, const Tensor& labels, double loss) {
    const int64_t batch = labels.numel();
    const std::vector<int64_t> guesses = argmax_rows(logits);
    for (int64_t i = 0; i < batch; ++i)
      state_.correct += guesses[static_cast<size_t>(i)] == labels.data<int64_t>()[i];
    state_.loss_sum += loss * static_cast<double>(batch);
    state_.images += batch;
    trained_images_ += batch;
    ++state_.step;
  }

  std::string progress_text(int64_t images_before, Clock::time_point start) const {
    const double speed =
        static_cast<double>(trained_images_ - images_before) / std::max(seconds_since(start), 1e-9);
    return concat("epoch ", state_.epoch + 1, "/", options_.epochs, "  ",
                  100 * state_.step / loader_.steps(), " %  loss ", fixed(state_.train_loss(), 4),
                  "  accuracy ", fixed(state_.train_accuracy(), 4), "  ", fixed(speed, 0),
                  " images/s");
  }

  // Validates, and writes best, last and the metrics, in this order: whatever is lost by a kill in
  // between is made again.
  void finish_epoch() {
    if (average_) average_->swap();
    const Score validation = score(model_, validation_);
    const bool best = state_.finish_epoch(steps_done(), rate_of_step(steps_done() - 1),
                                          validation.loss, validation.accuracy);
    log_epoch(state_.history.back(), best);
    if (run_ && best) save_best();
    if (average_) average_->swap();
    if (!run_) return;
    save_last();
    run_->write_metrics(state_.history);
  }

  void log_epoch(const EpochMetrics& m, bool best) const {
    logging::info(concat("epoch ", m.epoch, "/", options_.epochs, "  loss ", fixed(m.train_loss, 4),
                         "  accuracy ", fixed(m.train_accuracy, 4), "  validation loss ",
                         fixed(m.validation_loss, 4), "  accuracy ",
                         fixed(m.validation_accuracy, 4), best ? " (best)" : "", "  ",
                         fixed(images_per_second(), 0), " images/s"));
  }

  Checkpoint model_checkpoint() const {
    Checkpoint checkpoint = snapshot(model_);
    checkpoint.input = input_;
    checkpoint.classes = loader_.dataset().info().classes;
    for (const auto& [name, tensor] : checkpoint.tensors) check_finite(name, tensor);
    return checkpoint;
  }

  // A checkpoint with a NaN would overwrite the last good one.
  static void check_finite(const std::string& name, const Tensor& tensor) {
    if (tensor.dtype() == DType::i64) return;
    dispatch_floating(tensor.dtype(), "fit", [&]<class T>() {
      for (const T& x : tensor.span<T>())
        if (!std::isfinite(std::real(x)) || !std::isfinite(std::imag(x)))
          throw Diverged(concat("fit: '", name,
                                "' has a value that is not finite; the last good checkpoint is "
                                "kept; lower the learning rate"));
    });
  }

  void save_best() const {
    Checkpoint checkpoint = model_checkpoint();
    checkpoint.training = {{"epoch", state_.best_epoch},
                           {"validation_accuracy", state_.best_accuracy}};
    run_->save_best(checkpoint);
  }

  void save_last() {
    Checkpoint checkpoint = model_checkpoint();
    checkpoint.training = state_.to_config();
    for_each_state([&](const std::string& name, Tensor& value) {
      checkpoint.state.emplace_back(name, value);
    });
    run_->save_last(checkpoint);
    last_save_ = Clock::now();
  }

  Module& model_;
  data::AnyDataset validation_;
  const FitOptions options_;
  Config input_;
  data::Loader loader_;
  std::unique_ptr<optim::Optimizer> optimizer_;
  optim::Schedule schedule_;
  std::optional<WeightAverage> average_;
  std::optional<Run> run_;
  TrainingState state_;
  FitReport report_;
  Clock::time_point last_save_;
  double train_seconds_ = 0;
  int64_t trained_images_ = 0;
};

}  // namespace

FitReport fit(Module& model, const data::AnyDataset& train, const data::AnyDataset& validation,
              const FitOptions& options) {
  return Fit(model, train, validation, options).run();
}

}  // namespace papilio::models
