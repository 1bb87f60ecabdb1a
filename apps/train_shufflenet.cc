// train_shufflenet: ShuffleNet v1, whose channel shuffles may be trained K-matrices, on folders of
// pictures.

#include "papilio/apps/common/app.h"
#include "papilio/apps/common/pictures.h"
#include "papilio/apps/common/training.h"
#include "papilio/core/log.h"
#include "papilio/models/checkpoint.h"
#include "papilio/models/evaluate.h"
#include "papilio/models/shufflenet.h"

using namespace papilio;

namespace {

struct NetworkOptions {
  double width = 1;
  int64_t groups = 8;
  std::string mixer = "shuffle", mixer_init = "random";
  bool grouped_stage2 = false;
};

// The recipe of Dao et al. 2020, section 3.1.2, as far as it is given: SGD with momentum 0.9, 90
// epochs of which 5 warm up, linear decay to 0, 0.1 per 256 images; weight decay as Zhang et al.
constexpr double kRatePerImage = 0.1 / 256;
constexpr double kWarmUpShare = 5.0 / 90;

apps::TrainingOptions defaults() {
  apps::TrainingOptions options;
  options.rates = {};
  options.fit.epochs = 90;
  options.fit.batch = 256;
  options.fit.workers = 2;
  options.weight_decay = 4e-5;
  options.validation = 0.05;
  options.schedule = "linear";
  options.warm_up = -1;
  return options;
}

std::string stem_text(int64_t size) {
  const models::ShuffleNetStem stem = models::shufflenet_stem(size);
  return concat("stem for ", size, " pixels: 3x3 convolution of stride ", stem.stride,
                stem.pool ? ", 3x3 max-pooling of stride 2" : ", no pooling");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Trains ShuffleNet v1 with fixed channel shuffles, Hadamard transforms or trained\n"
      "K-matrices between its grouped convolutions, and measures the checkpoint of the best\n"
      "validation accuracy once on the test set (ImageNet's val). The defaults are the paper's\n"
      "recipe. Kill it at any moment: --resume continues to the same bytes.",
      "train_shufflenet");
  app.footer(
      "Example: train_shufflenet --data imagenet:DIR --width 0.5 --mixer kmatrix --out runs/k");
  apps::TrainingOptions options = defaults();
  NetworkOptions network;
  apps::PictureOptions pictures;
  app.add_option("--width", network.width, "Factor on the channel numbers, such as 0.25, 0.5 or 1")
      ->capture_default_str();
  app.add_option("--groups", network.groups, "Of the pointwise convolutions: 1, 2, 3, 4 or 8")
      ->capture_default_str();
  app.add_option("--mixer", network.mixer, "Between the channels of the groups")
      ->check(CLI::IsMember(models::shufflenet_mixers()))
      ->capture_default_str();
  app.add_option("--mixer-init", network.mixer_init,
                 "K-matrices begin random, as in the paper's code, or as the shuffle network")
      ->check(CLI::IsMember({"random", "shuffle"}))
      ->capture_default_str();
  app.add_flag("--grouped-stage2", network.grouped_stage2,
               "Group stage 2's first convolutions too, but the very first one, as the ShuffleNet "
               "paper has it");
  apps::add_pictures(app, pictures);
  apps::add_training(app, options);
  app.get_option("--lr")->default_str("0.1 per 256 images of a batch");
  app.get_option("--warm-up")->default_str("1/18 of them");

  return apps::run(app, argc, argv, [&] {
    apps::log_system();
    if (options.rates.empty())
      options.rates = {kRatePerImage * static_cast<double>(options.fit.batch)};
    if (options.warm_up < 0)
      options.warm_up = kWarmUpShare * static_cast<double>(options.fit.epochs);
    const apps::Pictures data = apps::open_pictures(options, pictures);
    options.fit.transforms = data.transforms;
    const models::ShuffleNetOptions net{
        .classes = static_cast<int64_t>(data.train.info().classes.size()),
        .width = network.width,
        .groups = network.groups,
        .mixer = network.mixer,
        .mixer_init = network.mixer_init,
        .image_size = data.size,
        .ungrouped_stage2 = !network.grouped_stage2,
        .statistics = data.statistics};
    logging::info(stem_text(data.size));
    const uint64_t seed = options.fit.seed;
    apps::Experiment run{
        data.train,
        data.validation,
        [=] { return std::make_unique<models::ShuffleNet>(net, Rng(seed).split("model")); },
        {{"width", network.width},
         {"groups", network.groups},
         {"mixer", network.mixer},
         {"grouped_stage2", network.grouped_stage2},
         {"image_size", data.size},
         {"augment", data.augment}}};
    // Older runs have no key.
    if (network.mixer_init != "random") run.config["mixer_init"] = network.mixer_init;
    const apps::TrainingResult result = apps::train(run, options);
    if (result.report.interrupted) return apps::kInterrupted;
    const auto best = models::load(options.out + "/best.safetensors");
    Config summary = apps::report(result, options, *best, models::score(*best, data.test));
    summary["damaged_pictures"] = data.train.damaged() + data.test.damaged();
    return apps::finish(options, summary);
  });
}
