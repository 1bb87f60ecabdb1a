#include "papilio/models/mixed_convnet.h"

#include "papilio/core/config_size.h"
#include "papilio/layers/factory.h"

namespace papilio::models {
namespace {

constexpr int64_t kChannels1 = 16, kChannels2 = 32;

MixedConvnetOptions checked(MixedConvnetOptions options) {
  check(options.height > 0 && options.width > 0 && options.height % 4 == 0 &&
            options.width % 4 == 0 && options.channels > 0 && options.features > 0 &&
            options.classes > 0,
        "mixed_convnet: images ", Shape{options.height, options.width, options.channels},
        ", features ", options.features, " and classes ", options.classes,
        " must be positive, height and width multiples of 4; pad the images");
  if (!options.statistics.mean.defined())
    options.statistics = data::neutral_statistics(options.channels, options.statistics.input);
  check(options.statistics.mean.numel() == options.channels, "mixed_convnet: the statistics have ",
        options.statistics.mean.numel(), " channels, the images ", options.channels,
        "; use data::channel_statistics()");
  return options;
}

}  // namespace

MixedConvnet::MixedConvnet(const MixedConvnetOptions& options, Rng rng)
    : options_(checked(options)),
      standardize_(options_.statistics.mean, options_.statistics.deviation),
      conv1_(options_.channels, kChannels1, 3, {.padding = 1}, rng.split("conv1")),
      conv2_(kChannels1, kChannels2, 3, {.padding = 1}, rng.split("conv2")),
      norm1_(kChannels1),
      norm2_(kChannels2),
      hidden_(make_hidden(options_.hidden, options_.height / 4 * (options_.width / 4) * kChannels2,
                          options_.features, rng.split("hidden"))),
      head_(options_.features, options_.classes, {}, rng.split("head")) {}

std::unique_ptr<Module> MixedConvnet::make(const Config& config) {
  config.expect_keys({"height", "width", "channels", "hidden", "features", "classes", "input"},
                     "mixed_convnet");
  MixedConvnetOptions options{.height = size_at(config, "height", 1, 1 << 16),
                              .width = size_at(config, "width", 1, 1 << 16),
                              .channels = size_at(config, "channels", 1, 1 << 16),
                              .hidden = config.at("hidden").as_string(),
                              .features = size_at(config, "features"),
                              .classes = size_at(config, "classes"),
                              .statistics = {}};
  if (const Config* input = config.find("input")) options.statistics.input = *input;
  return std::make_unique<MixedConvnet>(options, Rng(0));
}

Tensor MixedConvnet::forward(const Tensor& x) {
  const Tensor first = max_pool2d(relu(norm1_(conv1_(standardize_(x)))));
  const Tensor second = max_pool2d(relu(norm2_(conv2_(first))));
  const Tensor flat = reshape(second, {second.dim(0), second.numel() / second.dim(0)});
  return head_(relu((*hidden_)(flat)));
}

void MixedConvnet::fields(Fields& f) {
  f("standardize", standardize_);
  f("conv1", conv1_);
  f("norm1", norm1_);
  f("conv2", conv2_);
  f("norm2", norm2_);
  f("hidden", hidden_);
  f("head", head_);
}

std::string MixedConvnet::describe() const {
  return concat("MixedConvnet(", Shape{options_.height, options_.width, options_.channels}, ", ",
                options_.hidden, " ", options_.features, ", ", options_.classes, ")");
}

Config MixedConvnet::config() const {
  Config config = {{"height", options_.height},     {"width", options_.width},
                   {"channels", options_.channels}, {"hidden", options_.hidden},
                   {"features", options_.features}, {"classes", options_.classes}};
  if (!options_.statistics.input.is_null()) config["input"] = options_.statistics.input;
  return config;
}

}  // namespace papilio::models
