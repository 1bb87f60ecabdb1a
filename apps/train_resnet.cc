// train_resnet: ResNet-18 in its form for small images, with an extra dense or structured layer of
// 512 features before the classifier.

#include "papilio/apps/common/app.h"
#include "papilio/apps/common/pictures.h"
#include "papilio/apps/common/training.h"
#include "papilio/models/checkpoint.h"
#include "papilio/models/evaluate.h"
#include "papilio/models/resnet.h"

using namespace papilio;

namespace {

// Dao et al. 2019, appendix D: 100 epochs of SGD with momentum 0.9, 0.1 or 0.2, weight decay 2e-4.
apps::TrainingOptions defaults() {
  apps::TrainingOptions options;
  options.rates = {0.1};
  options.fit.epochs = 100;
  options.fit.batch = 128;
  options.fit.workers = 1;
  options.weight_decay = 2e-4;
  options.validation = 0.1;
  options.schedule = "cosine";
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Trains ResNet-18 on small colour images, with an extra square layer before the\n"
      "classifier if wanted, and measures the checkpoint of the best validation accuracy once\n"
      "on the test set. Kill it at any moment: --resume continues to the same bytes.",
      "train_resnet");
  app.footer(
      "Example: train_resnet --data cifar10:cifar-10-batches-bin --extra bpbp-complex --out "
      "runs/r");
  apps::TrainingOptions options = defaults();
  apps::PictureOptions pictures;
  std::string extra = "none";
  int64_t channels = 64;
  app.add_option("--extra", extra, "Layer before the classifier: none, " + apps::hidden_list())
      ->capture_default_str();
  app.add_option("--channels", channels, "Of the first stage; the last one has 8 times as many")
      ->capture_default_str();
  apps::add_pictures(app, pictures);
  apps::add_training(app, options);

  return apps::run(app, argc, argv, [&] {
    apps::log_system();
    const apps::Pictures data = apps::open_pictures(options, pictures);
    options.fit.transforms = data.transforms;
    const models::ResNetOptions net{
        .classes = static_cast<int64_t>(data.train.info().classes.size()),
        .extra = extra,
        .channels = channels,
        .statistics = data.statistics};
    const uint64_t seed = options.fit.seed;
    const apps::Experiment run{
        data.train,
        data.validation,
        [=] { return std::make_unique<models::ResNet>(net, Rng(seed).split("model")); },
        {{"extra", extra}, {"channels", channels}, {"augment", data.augment}}};
    const apps::TrainingResult result = apps::train(run, options);
    if (result.report.interrupted) return apps::kInterrupted;
    const auto best = models::load(options.out + "/best.safetensors");
    Config summary = apps::report(result, options, *best, models::score(*best, data.test));
    summary["extra_parameters"] = dynamic_cast<models::ResNet&>(*best).extra_parameters();
    return apps::finish(options, summary);
  });
}
