// train_deep_mlp: a residual network of wide dense or structured layers, without convolutions.

#include "papilio/apps/common/app.h"
#include "papilio/apps/common/pictures.h"
#include "papilio/apps/common/training.h"
#include "papilio/core/log.h"
#include "papilio/models/checkpoint.h"
#include "papilio/models/evaluate.h"
#include "papilio/models/residual_mlp.h"

using namespace papilio;

namespace {

apps::TrainingOptions defaults() {
  apps::TrainingOptions options;
  options.rates = {0.05};
  options.fit.epochs = 30;
  options.fit.batch = 128;
  options.weight_decay = 5e-4;
  options.validation = 0.1;
  options.schedule = "cosine";
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Trains a residual network of wide layers with batch norm and no convolution on small\n"
      "colour images, and measures the checkpoint of the best validation accuracy once on the\n"
      "test set. Kill it at any moment: --resume continues to the same bytes.",
      "train_deep_mlp");
  app.footer(
      "Example: train_deep_mlp --data cifar10:cifar-10-batches-bin --hidden kmatrix --out runs/k");
  apps::TrainingOptions options = defaults();
  apps::PictureOptions pictures;
  models::ResidualMlpOptions net;
  std::string flops_of;
  app.add_option("--hidden", net.hidden, "Layers: " + apps::hidden_list())->capture_default_str();
  app.add_option("--features", net.features, "Of every layer")
      ->check(apps::positive())
      ->capture_default_str();
  app.add_option("--depth", net.depth, "Residual layers after the first layer")
      ->check(apps::not_negative())
      ->capture_default_str();
  app.add_option("--flops-of", flops_of,
                 "Take fewer features, so that the layers need no more flops than --features of "
                 "these; for a dense network to compare with")
      ->type_name("HIDDEN");
  apps::add_pictures(app, pictures);
  apps::add_training(app, options);

  return apps::run(app, argc, argv, [&] {
    apps::log_system();
    const apps::Pictures data = apps::open_pictures(options, pictures);
    options.fit.transforms = data.transforms;
    net.height = net.width = data.size;
    net.channels = data.statistics.mean.numel();
    net.classes = static_cast<int64_t>(data.train.info().classes.size());
    net.statistics = data.statistics;
    if (!flops_of.empty()) {
      net.features = models::ResidualMlp::features_at_flops_of(flops_of, net);
      logging::info(concat(net.features, " features of ", net.hidden, " layers take the flops of ",
                           flops_of));
    }
    const uint64_t seed = options.fit.seed;
    const apps::Experiment run{
        data.train,
        data.validation,
        [=] { return std::make_unique<models::ResidualMlp>(net, Rng(seed).split("model")); },
        {{"hidden", net.hidden},
         {"features", net.features},
         {"depth", net.depth},
         {"augment", data.augment}}};
    const apps::TrainingResult result = apps::train(run, options);
    if (result.report.interrupted) return apps::kInterrupted;
    const auto best = models::load(options.out + "/best.safetensors");
    return apps::finish(options,
                        apps::report(result, options, *best, models::score(*best, data.test)));
  });
}
