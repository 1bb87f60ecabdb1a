// train_mlp: the single-hidden-layer network of the compression experiment, with a dense or a
// structured hidden layer.

#include "papilio/apps/common/app.h"
#include "papilio/apps/common/training.h"
#include "papilio/core/log.h"
#include "papilio/data/open.h"
#include "papilio/data/transforms.h"
#include "papilio/models/checkpoint.h"
#include "papilio/models/compressed_mlp.h"
#include "papilio/models/evaluate.h"

using namespace papilio;

namespace {

// 32 x 32 gray: colours are averaged, 28 x 28 images are padded. 1024 features, as in the paper.
const Config kInput = {{"height", 32}, {"width", 32}, {"channels", 1}};

struct Options {
  std::string hidden = "kmatrix";
  int64_t width = 1024, shift = 0;
  bool flip = false;
};

std::vector<data::Transform> transforms(const Options& o) {
  std::vector<data::Transform> list;
  if (o.shift > 0) list.push_back(data::random_crop(o.shift));
  if (o.flip) list.push_back(data::random_flip());
  return list;
}

std::string augmentation(const Options& o) {
  const std::string shift = o.shift > 0 ? concat("moved by up to ", o.shift, " pixels") : "",
                    flip = o.flip ? "mirrored at random" : "";
  return shift.empty() && flip.empty() ? "none"
                                       : shift + (!shift.empty() && o.flip ? ", " : "") + flip;
}

apps::Experiment experiment(const apps::TrainingOptions& options, const Options& o) {
  const auto [train, validation] =
      apps::split(data::open(options.data, data::Split::train, kInput), options);
  const data::Statistics statistics = data::statistics(train);
  const auto classes = static_cast<int64_t>(train.info().classes.size());
  const uint64_t seed = options.fit.seed;
  const auto make = [=]() -> std::unique_ptr<Module> {
    return std::make_unique<models::CompressedMlp>(
        models::CompressedMlpOptions{.inputs = statistics.mean.numel(),
                                     .hidden = o.hidden,
                                     .width = o.width,
                                     .classes = classes,
                                     .statistics = statistics},
        Rng(seed).split("model"));
  };
  Config config = {{"hidden", o.hidden}, {"width", o.width}};
  if (o.shift > 0) config["shift"] = o.shift;
  if (o.flip) config["flip"] = true;
  return {train, validation, make, config};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Trains x -> hidden layer -> ReLU -> linear on 32 x 32 gray images, and measures the\n"
      "checkpoint of the best validation accuracy once on the test set. Kill it at any moment:\n"
      "--resume continues to the same bytes.",
      "train_mlp");
  app.footer(
      "Example: train_mlp --data cifar10:cifar-10-batches-bin --hidden bpbp-complex --epochs 30 "
      "--out runs/a");
  apps::TrainingOptions options;
  Options o;
  app.add_option("--hidden", o.hidden,
                 "Hidden layer: " + apps::hidden_list() +
                     "; a rank or a number of blocks may follow: low-rank:8, monarch:16")
      ->capture_default_str();
  app.add_option("--width", o.width, "Features after the hidden layer")->capture_default_str();
  app.add_flag("--flip", o.flip, "Mirror training images at random");
  app.add_option("--shift", o.shift, "Move training images by up to so many pixels")
      ->check(apps::not_negative())
      ->capture_default_str();
  apps::add_training(app, options);

  return apps::run(app, argc, argv, [&] {
    apps::log_system();
    options.fit.transforms = transforms(o);
    const apps::Experiment run = experiment(options, o);
    const data::AnyDataset test = data::open(options.data, data::Split::test, kInput);
    logging::info(concat("data ", run.train.info().name, ": ", run.train.size(), " training, ",
                         run.validation.size(), " validation, ", test.size(),
                         " test images, augmentation: ", augmentation(o)));
    const apps::TrainingResult result = apps::train(run, options);
    if (result.report.interrupted) return apps::kInterrupted;
    const auto best = models::load(options.out + "/best.safetensors");
    Config summary = apps::report(result, options, *best, models::score(*best, test));
    auto& mlp = dynamic_cast<models::CompressedMlp&>(*best);
    summary["hidden_parameters"] = mlp.hidden_parameters();
    summary["compression"] = mlp.compression();
    return apps::finish(options, summary);
  });
}
