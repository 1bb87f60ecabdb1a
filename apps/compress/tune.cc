#include "papilio/apps/compress/tune.h"

#include <filesystem>

#include "papilio/apps/common/app.h"
#include "papilio/apps/compress/report.h"
#include "papilio/core/log.h"
#include "papilio/models/checkpoint.h"
#include "papilio/models/fit.h"

namespace papilio::apps {
namespace {

std::string projected_file(const TuneRun& run) { return run.folder + "/projected.safetensors"; }

}  // namespace

void add_tune(CLI::App& app, TuneOptions& o) {
  app.add_option("--finetune", o.epochs, "Epochs of training by distillation; 0: none")
      ->check(not_negative())
      ->capture_default_str();
  app.add_option("--lr", o.lr, "Learning rate at the beginning, of Adam; it falls to 0")
      ->check(positive())
      ->capture_default_str();
  app.add_option("--structured-lr", o.structured_lr,
                 "Factor on the learning rate of the new layers")
      ->check(not_negative())
      ->capture_default_str();
  app.add_option("--batch", o.batch, "Images in a step")->check(positive())->capture_default_str();
  app.add_option("--teacher-weight", o.teacher_weight,
                 "Share of the loss by the original's logits; the rest is by the labels")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--temperature", o.temperature, "Of the original's softmax")
      ->check(positive())
      ->capture_default_str();
  app.add_option("--validation", o.validation,
                 "Share of the training set that chooses the best epoch; with the trainer's share "
                 "and seed neither network has seen it")
      ->check(CLI::Range(0.001, 0.9))
      ->capture_default_str();
  app.add_option("--part", o.part, "Share of the rest that is used, for quick tries")
      ->check(CLI::Range(0.001, 1.0))
      ->capture_default_str();
  app.add_option("--seed", o.seed, "Of the split, the fits and the order")->capture_default_str();
  app.add_option("--workers", o.workers, "Threads that prepare batches; never changes the result")
      ->capture_default_str();
  app.add_flag("--resume", o.resume, "Continue in OUT.run; start when there is nothing");
}

Config settings(const TuneOptions& o) {
  return {{"epochs", o.epochs},
          {"batch", o.batch},
          {"lr", o.lr},
          {"structured_lr", o.structured_lr},
          {"teacher_weight", o.teacher_weight},
          {"temperature", o.temperature},
          {"validation", o.validation},
          {"part", o.part},
          {"seed", static_cast<int64_t>(o.seed)}};
}

std::vector<models::CompressedLayer> project(Module& student, const data::AnyDataset& train,
                                             const models::CompressOptions& compress,
                                             const TuneOptions& options, const TuneRun& run) {
  const std::string file = projected_file(run);
  if (options.resume && std::filesystem::exists(file)) {
    const models::Checkpoint kept = models::read_checkpoint(file);
    check(kept.training.at("settings") == run.settings, "'", file,
          "' was made with other settings, ", kept.training.at("settings").dump(),
          "; resume with those, or begin again with --force");
    models::replace_layers(student, kept);
    models::restore(student, kept, file);
    logging::info(concat("continuing with '", file, "'"));
    return layers_of(kept.training.at("layers"));
  }
  const auto layers = models::compress(student, train, compress);
  // What an earlier run left is kept until there is something better, and must not be continued
  // should this one be killed.
  for (const char* old :
       {"projected.safetensors", "config.json", "last.safetensors", "best.safetensors"})
    std::filesystem::remove(std::filesystem::path(run.folder) / old);
  std::filesystem::create_directories(run.folder);
  models::Checkpoint kept = models::snapshot(student);
  kept.training = {{"settings", run.settings}, {"layers", to_config(layers)}};
  models::write_checkpoint(file, kept);
  return layers;
}

bool tune(Module& student, const std::shared_ptr<Module>& teacher, const data::AnyDataset& train,
          const data::AnyDataset& validation, const TuneOptions& o, const TuneRun& run) {
  const double before = score(student, validation).accuracy;
  for (Parameter& p : student.parameters())
    if (p.hints().structured) p.mutable_hints().learning_rate_scale *= o.structured_lr;
  const models::FitReport report = models::fit(student, train, validation,
                                               {.epochs = o.epochs,
                                                .batch = o.batch,
                                                .lr = o.lr,
                                                .optimizer = "adam",
                                                .optimizer_options = Config::object(),
                                                .schedule = {{"name", "cosine"}},
                                                .teacher = teacher,
                                                .teacher_weight = o.teacher_weight,
                                                .temperature = o.temperature,
                                                .seed = o.seed,
                                                .workers = o.workers,
                                                .out = run.folder,
                                                .resume = o.resume,
                                                .force = !o.resume,
                                                .config = run.settings});
  if (report.interrupted) return false;
  const bool better = report.best_validation_accuracy >= before;
  const std::string file = better ? run.folder + "/best.safetensors" : projected_file(run);
  models::restore(student, models::read_checkpoint(file), file);
  if (!better)
    logging::warning(concat("no epoch is as good on the validation part as the projection, ",
                            before, ": that is kept; try another --lr"));
  return true;
}

}  // namespace papilio::apps
