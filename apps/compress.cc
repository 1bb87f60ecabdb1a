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
#include "papilio/models/interrupt.h"

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

struct Arguments {
  std::string file, spec, out, json, budget = "params=25%";
  models::CompressOptions compress;
  apps::TuneOptions tune;
  bool force = false;
  double max_loss = 0.5;
};

void add_options(CLI::App& app, Arguments& a) {
  app.add_option("checkpoint", a.file, "Trained network, a file that a trainer or save() wrote")
      ->required()
      ->type_name("FILE");
  std::vector<std::string> classes = models::compress_classes();
  classes.emplace_back("lowrank");
  app.add_option("--to", a.compress.to,
                 "Class of the new layers, lowrank for short; auto takes the best for each layer")
      ->check(CLI::IsMember(classes))
      ->capture_default_str();
  app.add_option("--budget", a.budget,
                 "params=SHARE of the network's parameters, error=NUMBER: relative error of each "
                 "layer's output, or latency=SHARE of the network's time at batch 1")
      ->capture_default_str();
  app.add_option("--data", a.spec, "Data set that the network was trained on, NAME[:DIRECTORY]")
      ->required()
      ->type_name("NAME:DIR");
  app.add_option("--out", a.out, "File to write; OUT.run is the folder of the fine-tuning")
      ->required()
      ->type_name("FILE");
  app.add_option("--images", a.compress.images, "Training images that layers are fitted on")
      ->check(apps::positive())
      ->capture_default_str();
  app.add_option("--steps", a.compress.projection.steps,
                 "Steps of gradient descent for a layer without a closed form")
      ->check(apps::positive())
      ->capture_default_str();
  app.add_option("--max-loss", a.max_loss,
                 "Points of test accuracy that may be lost; more is a warning")
      ->capture_default_str();
  apps::add_tune(app, a.tune);
  app.add_flag("--force", a.force, "Replace an existing file and its run");
  apps::add_threads(app);
  apps::add_json(app, a.json);
}

// Of names and bytes of all tensors, by FNV-1a: whether the file at that path is still the same
// network.
std::string fingerprint(const models::Checkpoint& checkpoint) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](const char* bytes, size_t count) {
    for (size_t i = 0; i < count; ++i)
      hash = (hash ^ static_cast<unsigned char>(bytes[i])) * 0x100000001b3;
  };
  for (const auto& [name, tensor] : checkpoint.tensors) {
    add(name.data(), name.size());
    add(static_cast<const char*>(tensor.raw()),
        static_cast<size_t>(tensor.numel() * size_of(tensor.dtype())));
  }
  return std::to_string(hash);
}

// Throws Error when something would be overwritten.
apps::TuneRun run_of(const Arguments& a) {
  apps::TuneRun run{a.out + ".run", apps::settings(a.tune)};
  run.settings["checkpoint"] = a.file, run.settings["data"] = a.spec;
  run.settings["to"] = a.compress.to, run.settings["budget"] = text(a.compress.budget);
  run.settings["images"] = a.compress.images;
  run.settings["steps"] = a.compress.projection.steps;
  const bool goes_on = a.force || a.tune.resume;
  check(!(a.tune.resume && a.force),
        "--resume continues and --force begins again: give one of them");
  apps::check_output(a.file, a.out,
                     a.force || (a.tune.resume && std::filesystem::exists(run.folder)));
  std::error_code none;
  check(std::filesystem::weakly_canonical(a.file, none).parent_path() !=
            std::filesystem::weakly_canonical(run.folder, none),
        "'", a.file, "' lies in '", run.folder, "', which is written anew; take another --out");
  check(goes_on || !std::filesystem::exists(run.folder), "'", run.folder,
        "' exists; --resume continues it, --force begins again");
  return run;
}

// Both are taken as they would be deployed, frozen, and at the same time: hours can lie between the
// beginning and the end of a compression.
void measure_speeds(Module& before, Module& after, const data::AnyDataset& test,
                    apps::Compression& result) {
  after.freeze();
  const std::vector<models::Speed> speeds =
      models::measure_speeds({&before, &after}, test.get(0).image.shape());
  result.before.speed = speeds[0], result.after.speed = speeds[1];
}

// `saved` is, all along, what an interruption leaves.
int compress(Arguments a, std::string& saved) {
  if (a.compress.to == "lowrank") a.compress.to = "low-rank";
  a.compress.budget = models::Budget::parse(a.budget);
  a.compress.projection.seed = a.tune.seed;
  a.compress.projection.watch = models::Interrupt::watch;
  apps::TuneRun run = run_of(a);
  const models::Checkpoint checkpoint = models::read_checkpoint(a.file);
  run.settings["fingerprint"] = fingerprint(checkpoint);
  const std::shared_ptr<Module> teacher = models::rebuild(checkpoint, a.file);
  teacher->freeze();
  const auto student = models::rebuild(checkpoint, a.file);
  const Data data = open_data(a.spec, checkpoint, a.tune);
  check_fits(*teacher, a.file, a.spec, data.train);

  apps::Compression result{.budget = a.compress.budget, .max_loss = a.max_loss};
  result.before = apps::state_of(*teacher, a.file, data.test);
  logging::info(concat("'", a.file, "': accuracy ", result.before.score.accuracy, ", ",
                       result.before.parameters, " parameters"));
  result.layers = apps::project(*student, data.train, a.compress, a.tune, run);
  saved = concat("the projection is saved in '", run.folder, "', --resume continues");
  result.projected_accuracy = apps::score(*student, data.test).accuracy;
  logging::info(concat("after the projection: accuracy ", result.projected_accuracy, ", ",
                       student->parameter_count(), " parameters"));
  if (a.tune.epochs > 0 && !apps::tune(*student, teacher, data.train, data.validation, a.tune, run))
    return apps::kInterrupted;
  models::write_checkpoint(a.out, result_of(*student, checkpoint, data.train));
  saved = concat("'", a.out, "' is written, and only the report is missing");
  result.after = apps::state_of(*student, a.out, data.test);
  measure_speeds(*teacher, *student, data.test, result);

  print(a.json == "-" ? std::cerr : std::cout, result);
  if (const std::string text = shortcoming(result); !text.empty()) logging::warning(text);
  apps::write_json(a.json, to_config(result));
  return apps::kSuccess;
}

int compress_or_stop(const Arguments& a) {
  const models::Interrupt interrupt;
  std::string saved = "nothing was changed; the same command begins again";
  try {
    return compress(a, saved);
  } catch (const models::Interrupted&) {
    logging::warning("interrupted: " + saved);
    return apps::kInterrupted;
  }
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
  Arguments arguments;
  add_options(app, arguments);
  return apps::run(app, argc, argv, [&] {
    apps::log_system();
    return compress_or_stop(arguments);
  });
}
