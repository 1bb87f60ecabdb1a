// train_convnet: a small convolution network in the manner of LeNet, whose wide layer before the
// classifier is dense or structured.

#include "papilio/apps/common/app.h"
#include "papilio/apps/common/pictures.h"
#include "papilio/apps/common/training.h"
#include "papilio/models/checkpoint.h"
#include "papilio/models/evaluate.h"
#include "papilio/models/mixed_convnet.h"

using namespace papilio;

namespace {

apps::TrainingOptions defaults() {
  apps::TrainingOptions options;
  options.rates = {0.05};
  options.fit.epochs = 20;
  options.fit.batch = 128;
  options.weight_decay = 5e-4;
  options.validation = 0.1;
  options.schedule = "cosine";
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Trains two convolutions with batch norm, ReLU and pooling, a wide layer and a classifier\n"
      "on small colour images, and measures the checkpoint of the best validation accuracy once\n"
      "on the test set. Kill it at any moment: --resume continues to the same bytes.",
      "train_convnet");
  app.footer(
      "Example: train_convnet --data cifar10:cifar-10-batches-bin --hidden dense --out runs/c");
  apps::TrainingOptions options = defaults();
  apps::PictureOptions pictures;
  std::string hidden = "butterfly";
  int64_t features = 512;
  app.add_option("--hidden", hidden, "Wide layer: " + apps::hidden_list())->capture_default_str();
  app.add_option("--features", features, "After the wide layer")->capture_default_str();
  apps::add_pictures(app, pictures);
  apps::add_training(app, options);

  return apps::run(app, argc, argv, [&] {
    apps::log_system();
    const apps::Pictures data = apps::open_pictures(options, pictures);
    options.fit.transforms = data.transforms;
    const models::MixedConvnetOptions net{
        .height = data.size,
        .width = data.size,
        .channels = data.statistics.mean.numel(),
        .hidden = hidden,
        .features = features,
        .classes = static_cast<int64_t>(data.train.info().classes.size()),
        .statistics = data.statistics};
    const uint64_t seed = options.fit.seed;
    const apps::Experiment run{
        data.train,
        data.validation,
        [=] { return std::make_unique<models::MixedConvnet>(net, Rng(seed).split("model")); },
        {{"hidden", hidden}, {"features", features}, {"augment", data.augment}}};
    const apps::TrainingResult result = apps::train(run, options);
    if (result.report.interrupted) return apps::kInterrupted;
    const auto best = models::load(options.out + "/best.safetensors");
    return apps::finish(options,
                        apps::report(result, options, *best, models::score(*best, data.test)));
  });
}
