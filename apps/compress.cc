// compress: the dense layers of a trained network replaced by smaller ones, and the network trained
// on, so that it gives what it gave before.

#include "papilio/models/compress.h"

#include <filesystem>
#include <iostream>

#include "papilio/apps/common/app.h"
#include "papilio/apps/compress/report.h"
#include "papilio/apps/compress/tune.h"
#include "papilio/core/log.h"
#include "papilio/data/open.h"
#include "papilio/models/checkpoint.h"
#include "papilio/models/evaluate.h"

using namespace papilio;

namespace {

// The data that the network can be measured and trained on.
struct Data {
  data::AnyDataset train, validation, test;
};

Data open_data(const std::string& spec, const models::Checkpoint& checkpoint,
               const apps::TuneOptions& tune) {
  const auto all = data::open(spec, data::Split::train, checkpoint.input);
  auto [train, validation] = data::split_validation(all, tune.validation, tune.seed);
  if (tune.part < 1) train = data::split_validation(train, 1 - tune.part, tune.seed).first;
  return {train, validation, data::open(spec, data::Split::test, checkpoint.input)};
}

// Throws Error when the network can't take the images, or gives other classes.
void check_fits(Module& model, const std::string& file, const std::string& spec,
                const data::AnyDataset& data) {
  const NoTape guard;
  const Tensor image = data.get(0).image;
  Shape one = {1};
  for (const int64_t size : image.shape()) one = one.append(size);
  Tensor logits;
  try {
    logits = model(reshape(image, one));
  } catch (const Error& error) {
    fail("the data set ", spec, ", images ", image.shape(), ", does not fit the network '", file,
         "': ", error.message(), "; take the data that it was trained on");
  }
  const auto classes = static_cast<int64_t>(data.info().classes.size());
  check(logits.rank() == 2 && (classes == 0 || logits.dim(1) == classes), "the data set ", spec,
        " has ", classes, " classes, the network '", file, "' gives ", logits,
        "; take the data that it was trained on");
}

models::Checkpoint result_of(Module& model, const models::Checkpoint& original,
                             const data::AnyDataset& data) {
  models::Checkpoint checkpoint = models::snapshot(model);
  checkpoint.input = original.input.is_null() ? data.info().input : original.input;
  checkpoint.classes = original.classes.empty() ? data.info().classes : original.classes;
  return checkpoint;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Makes a trained network small: replaces each of its dense layers by a structured matrix\n"
      "that gives nearly the same outputs on the training images, as small as the budget says,\n"
      "trains the result to give what the original gives, and says what that did to size,\n"
      "accuracy and speed. The result is a checkpoint like any other.",
      "compress");
  app.footer(
      "Example: compress runs/a/best.safetensors --budget params=10% --data "
      "cifar10:cifar-10-batches-bin --out small.safetensors");
  std::string file, spec, out, json, budget = "params=25%";
  models::CompressOptions options;
  apps::TuneOptions tune;
  bool force = false;
  double max_loss = 0.5;
  std::vector<std::string> classes = models::compress_classes();
  app.add_option("checkpoint", file, "Trained network, a file that a trainer or save() wrote")
      ->required()
      ->type_name("FILE");
  app.add_option("--to", options.to,
                 "Class of the new layers; auto takes the best of all for each layer")
      ->check(CLI::IsMember(classes))
      ->capture_default_str();
  app.add_option("--budget", budget,
                 "params=SHARE of the network's parameters, error=NUMBER: relative error of each "
                 "layer's output, or latency=SHARE of the network's time at batch 1")
      ->capture_default_str();
  app.add_option("--data", spec, "Data set that the network was trained on, NAME[:DIRECTORY]")
      ->required()
      ->type_name("NAME:DIR");
  app.add_option("--out", out, "File to write; OUT.run is the folder of the fine-tuning")
      ->required()
      ->type_name("FILE");
  app.add_option("--images", options.images, "Training images that layers are fitted on")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--steps", options.projection.steps,
                 "Steps of gradient descent for a layer without a closed form")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--max-loss", max_loss,
                 "Points of test accuracy that may be lost; more is a warning")
      ->capture_default_str();
  apps::add_tune(app, tune);
  app.add_flag("--force", force, "Replace an existing file and its run");
  apps::add_threads(app);
  apps::add_json(app, json);

  return apps::run(app, argc, argv, [&] {
    apps::log_system();
    options.budget = models::Budget::parse(budget);
    options.projection.seed = tune.seed;
    apps::TuneRun run{out + ".run", apps::settings(tune)};
    run.settings["checkpoint"] = file, run.settings["data"] = spec;
    run.settings["to"] = options.to, run.settings["budget"] = text(options.budget);
    run.settings["images"] = options.images, run.settings["steps"] = options.projection.steps;
    check(!(tune.resume && force), "--resume continues and --force begins again: give one of them");
    apps::check_output(file, out, force || tune.resume);
    check(force || tune.resume || !std::filesystem::exists(run.folder), "'", run.folder,
          "' exists; --resume continues it, --force begins again");

    const models::Checkpoint checkpoint = models::read_checkpoint(file);
    const std::shared_ptr<Module> teacher = models::rebuild(checkpoint, file);
    teacher->freeze();
    const auto student = models::rebuild(checkpoint, file);
    const Data data = open_data(spec, checkpoint, tune);
    check_fits(*teacher, file, spec, data.train);

    apps::Compression result{.budget = options.budget, .max_loss = max_loss};
    result.before = apps::state_of(*teacher, file, data.test);
    logging::info(concat("'", file, "': accuracy ", result.before.score.accuracy, ", ",
                         result.before.parameters, " parameters"));
    result.layers = apps::project(*student, data.train, options, tune, run);
    result.projected_accuracy = models::score(*student, data.test).accuracy;
    logging::info(concat("after the projection: accuracy ", result.projected_accuracy, ", ",
                         student->parameter_count(), " parameters"));
    if (tune.epochs > 0 && !apps::tune(*student, teacher, data.train, data.validation, tune, run))
      return apps::kInterrupted;
    models::write_checkpoint(out, result_of(*student, checkpoint, data.train));
    result.after = apps::state_of(*student, out, data.test);

    print(json == "-" ? std::cerr : std::cout, result);
    if (const std::string text = shortcoming(result); !text.empty()) logging::warning(text);
    apps::write_json(json, to_config(result));
    return apps::kSuccess;
  });
}
