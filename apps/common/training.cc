#include "papilio/apps/common/training.h"

#include <filesystem>
#include <iostream>

#include "papilio/apps/common/app.h"
#include "papilio/core/file.h"
#include "papilio/core/log.h"
#include "papilio/data/open.h"
#include "papilio/layers/factory.h"
#include "papilio/layers/orthogonal.h"
#include "papilio/models/checkpoint.h"
#include "papilio/models/run.h"
#include "papilio/optim/optimizer.h"
#include "papilio/optim/schedule.h"

namespace papilio::apps {
namespace {

// Everything that decides the result; --threads, --workers, --save-seconds and --json may change
// when a run is resumed.
Config run_config(const Experiment& experiment, const TrainingOptions& o, const Config& rate) {
  Config config = {{"data", o.data},
                   {"epochs", o.fit.epochs},
                   {"batch", o.fit.batch},
                   {"lr", rate},
                   {"seed", static_cast<int64_t>(o.fit.seed)},
                   {"optimizer", o.fit.optimizer},
                   {"momentum", o.momentum},
                   {"weight_decay", o.weight_decay},
                   {"schedule", o.schedule},
                   {"clip_norm", o.fit.clip_norm},
                   {"label_smoothing", o.fit.label_smoothing},
                   {"validation", o.validation},
                   {"init", o.init}};
  // Older runs have no key for what was then not to be chosen.
  if (o.warm_up > 0) config["warm_up"] = o.warm_up;
  if (o.lr_decay != 1) config["lr_decay"] = o.lr_decay;
  if (o.part < 1) config["part"] = o.part;
  if (o.structured_lr != 1) config["structured_lr"] = o.structured_lr;
  if (o.orthogonal) config["orthogonal"] = true;
  if (o.fit.limit_factors) config["limit_factors"] = true;
  if (o.fit.mixup > 0) config["mixup"] = o.fit.mixup;
  if (o.fit.average > 0) config["average"] = o.fit.average;
  if (!o.teacher.empty())
    config["teacher"] = {
        {"file", o.teacher}, {"weight", o.fit.teacher_weight}, {"temperature", o.fit.temperature}};
  for (const auto& [key, value] : experiment.config.as_object()) config[key] = value;
  return config;
}

// Sees the same images as the model.
std::shared_ptr<Module> load_teacher(const std::string& file, const Module& model) {
  std::shared_ptr<Module> teacher = models::load(file);
  for (const char* key : {"height", "width", "channels"}) {
    const Config theirs = teacher->input(), ours = model.input();
    const bool known = theirs.is_object() && ours.is_object() && theirs.contains(key);
    check(!known || theirs.at(key).dump() == ours.at(key).dump(), "--teacher: '", file,
          "' takes images ", theirs.dump(), ", this model takes ", ours.dump(),
          "; give one that was trained on such images");
  }
  teacher->freeze();
  return teacher;
}

Config schedule(const TrainingOptions& o) {
  check(o.lr_decay > 0 && o.lr_decay <= 1, "--lr-decay ", o.lr_decay,
        ": a factor above 0 and up to 1 is needed, such as 0.97");
  check(o.lr_decay == 1 || o.schedule == "constant", "--lr-decay ", o.lr_decay,
        " is for the constant schedule; leave it out or give --schedule constant");
  Config config = {{"name", o.schedule}, {"warm_up", o.warm_up}};
  if (o.schedule == "linear") config["begin"] = o.warm_up;
  if (o.lr_decay != 1) {
    config["name"] = "step";
    config["every"] = 1;
    config["gamma"] = o.lr_decay;
  }
  return config;
}

models::FitReport train_one(const Experiment& experiment, const TrainingOptions& o, double rate,
                            const std::string& out) {
  models::FitOptions fit = o.fit;
  fit.lr = rate;
  fit.out = out;
  fit.schedule = schedule(o);
  fit.optimizer_options = {{"weight_decay", o.weight_decay}};
  if (fit.optimizer == "sgd" || fit.optimizer == "rmsprop")
    fit.optimizer_options["momentum"] = o.momentum;
  fit.config = run_config(experiment, o, rate);
  const std::unique_ptr<Module> model = experiment.make();
  for (Parameter& p : model->parameters())
    if (p.hints().structured) p.mutable_hints().learning_rate_scale *= o.structured_lr;
  if (o.orthogonal) orthogonalise(*model);
  if (!o.init.empty()) load(*model, o.init);
  if (!o.teacher.empty()) fit.teacher = load_teacher(o.teacher, *model);
  return models::fit(*model, experiment.train, experiment.validation, fit);
}

models::Existing existing(const models::FitOptions& fit) {
  return fit.force    ? models::Existing::replace
         : fit.resume ? models::Existing::resume
                      : models::Existing::refuse;
}

// last.safetensors comes last: its presence says that the choice was made.
void copy_run(const std::string& from, const std::string& to) {
  for (const char* file : {"best.safetensors", "metrics.csv", "log.txt", "last.safetensors"})
    write_file(concat(to, "/", file), read_file(concat(from, "/", file)));
}

TrainingResult choose(const Experiment& experiment, const TrainingOptions& o) {
  Config rates = Config::Array{};
  for (const double rate : o.rates) rates.push_back(rate);
  const models::Run run(o.out, run_config(experiment, o, rates), existing(o.fit));
  const bool chosen = std::filesystem::exists(run.path("last.safetensors"));
  TrainingResult best;
  for (const double rate : o.rates) {
    if (!chosen) logging::info(concat("learning rate ", rate));
    const models::FitReport report = train_one(experiment, o, rate, run.path(concat("lr-", rate)));
    if (report.interrupted) return {report, rate};
    if (best.rate == 0 || report.best_validation_accuracy > best.report.best_validation_accuracy)
      best = {report, rate};
  }
  if (!chosen) {
    logging::info(concat("learning rate ", best.rate, " is best on the validation part: accuracy ",
                         best.report.best_validation_accuracy));
    copy_run(run.path(concat("lr-", best.rate)), o.out);
  }
  return best;
}

// What "our recipe" sets where the command line is silent; an app without the option has no use
// for it, and neither have digits for a mirror.
constexpr std::pair<const char*, const char*> kOurRecipe[] = {
    {"--schedule", "cosine"}, {"--warm-up", "1"}, {"--label-smoothing", "0.1"}, {"--flip", "true"}};

void apply_recipe(CLI::App& app, const TrainingOptions& o) {
  if (o.recipe != "ours") return;
  for (const auto& [name, value] : kOurRecipe) {
    CLI::Option* option = app.get_option_no_throw(name);
    if (option == nullptr || option->count() > 0) continue;
    if (std::string_view(name) == "--flip" && !data::mirror_keeps_class(o.data)) continue;
    option->add_result(value);
    option->run_callback();
  }
}

void add_aids(CLI::App& app, TrainingOptions& o) {
  app.add_flag("--orthogonal", o.orthogonal,
               "Begin with orthogonal matrices: dense weights, twiddles and blocks");
  app.add_flag("--limit-factors", o.fit.limit_factors,
               "Scale factors of structured matrices down that grow above a random one's size");
  app.add_option("--mixup", o.fit.mixup, "Mix images and labels in pairs; alpha, such as 0.2")
      ->capture_default_str();
  app.add_option("--average", o.fit.average,
                 "Validate and keep a moving average of the weights; its decay, such as 0.999")
      ->capture_default_str();
  app.add_option("--teacher", o.teacher, "Learn from the logits of this checkpoint too")
      ->type_name("FILE");
  app.add_option("--teacher-weight", o.fit.teacher_weight,
                 "Share of the loss that is the teacher's")
      ->capture_default_str();
  app.add_option("--temperature", o.fit.temperature, "Of the teacher's softmax")
      ->capture_default_str();
  app.add_option(
         "--recipe", o.recipe,
         "paper: what is not said is off. ours: cosine schedule, warm-up of an epoch, label "
         "smoothing 0.1, and, except for digits, mirrored images where the program has --flip")
      ->check(CLI::IsMember({"paper", "ours"}))
      ->capture_default_str();
  app.parse_complete_callback([&app, &o] { apply_recipe(app, o); });
}

}  // namespace

std::string hidden_list() {
  std::string all;
  for (const std::string_view name : hidden_names()) all += concat(all.empty() ? "" : ", ", name);
  return all;
}

void add_training(CLI::App& app, TrainingOptions& o) {
  app.add_option("--data", o.data, "Data set, NAME[:DIRECTORY]")->required()->type_name("NAME:DIR");
  app.add_option("--out", o.out, "Run folder, made when absent")->required()->type_name("DIR");
  app.add_option("--epochs", o.fit.epochs, "Passes over the training part")->capture_default_str();
  app.add_option("--batch", o.fit.batch, "Images in a step")->capture_default_str();
  app.add_option("--lr", o.rates,
                 "Learning rate; of several (a,b,c) the best on the validation part is kept")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--structured-lr", o.structured_lr,
                 "Factor on the learning rate of structured matrices")
      ->check(not_negative())
      ->capture_default_str();
  app.add_option("--optimizer", o.fit.optimizer, "sgd, adam, adamw or rmsprop")
      ->capture_default_str();
  app.add_option("--momentum", o.momentum, "Of sgd and rmsprop")->capture_default_str();
  app.add_option("--weight-decay", o.weight_decay, "Never on biases and structured weights")
      ->capture_default_str();
  app.add_option("--schedule", o.schedule, "Learning-rate schedule: constant, cosine or linear")
      ->check(CLI::IsMember({"constant", "cosine", "linear"}))
      ->capture_default_str();
  app.add_option("--warm-up", o.warm_up,
                 "Epochs in which the learning rate rises to its full value")
      ->capture_default_str();
  app.add_option("--lr-decay", o.lr_decay, "Factor on the learning rate after every epoch")
      ->capture_default_str();
  app.add_option("--clip-norm", o.fit.clip_norm, "Largest norm of the gradient; 0 = any")
      ->capture_default_str();
  app.add_option("--label-smoothing", o.fit.label_smoothing, "Share spread over all classes")
      ->capture_default_str();
  app.add_option("--validation", o.validation, "Share of the training set kept for validation")
      ->capture_default_str();
  app.add_option("--part", o.part, "Share of the rest that is trained on, for quick searches")
      ->capture_default_str();
  app.add_option("--seed", o.fit.seed, "Of weights, split, order and augmentation")
      ->capture_default_str();
  app.add_option("--workers", o.fit.workers,
                 "Threads that prepare batches; never changes the result")
      ->capture_default_str();
  app.add_option("--save-seconds", o.fit.save_seconds,
                 "Longest time between two checkpoints; one is made every epoch anyway")
      ->capture_default_str();
  app.add_flag("--resume", o.fit.resume, "Continue the run in --out; start it when there is none");
  app.add_flag("--force", o.fit.force, "Replace the run in --out");
  app.add_option("--init", o.init, "Start from the weights of this checkpoint")->type_name("FILE");
  add_aids(app, o);
  add_threads(app);
  add_json(app, o.json);
}

std::pair<data::AnyDataset, data::AnyDataset> split(const data::AnyDataset& all,
                                                    const TrainingOptions& o) {
  check(o.part > 0 && o.part <= 1, "--part is ", o.part, ", it must be above 0 and at most 1");
  auto [train, validation] = data::split_validation(all, o.validation, o.fit.seed);
  return {o.part < 1 ? data::split_validation(train, 1 - o.part, o.fit.seed).first : train,
          validation};
}

TrainingResult train(const Experiment& experiment, const TrainingOptions& o) {
  check(!(o.fit.resume && o.fit.force),
        "--resume continues a run and --force replaces it: give one of them");
  check(!o.rates.empty(), "--lr needs at least one learning rate");
  for (const double rate : o.rates)
    check(rate > 0, "--lr is ", rate, ", a positive number is needed");
  if (o.rates.size() > 1) return choose(experiment, o);
  return {train_one(experiment, o, o.rates.front(), o.out), o.rates.front()};
}

Config report(const TrainingResult& result, const TrainingOptions& o, Module& best,
              const models::Score& test) {
  return {{"out", o.out},
          {"learning_rate", result.rate},
          {"best_validation_accuracy", result.report.best_validation_accuracy},
          {"best_validation_loss", result.report.best_validation_loss},
          {"best_epoch", result.report.best_epoch},
          {"test_accuracy", test.accuracy},
          {"test_top5", test.top5},
          {"test_loss", test.loss},
          {"parameters", best.parameter_count()},
          {"epochs", o.fit.epochs},
          {"seconds", result.report.seconds},
          {"images_per_second", result.report.images_per_second}};
}

int finish(const TrainingOptions& o, const Config& report) {
  std::ostream& people = o.json == "-" ? std::cerr : std::cout;
  for (const auto& [key, value] : report.as_object()) people << key << ": " << value.dump() << '\n';
  write_json(o.json, report);
  return kSuccess;
}

}  // namespace papilio::apps
