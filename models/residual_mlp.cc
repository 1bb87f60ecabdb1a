#include "papilio/models/residual_mlp.h"

#include "papilio/core/config_size.h"
#include "papilio/layers/factory.h"

namespace papilio::models {
namespace {

int64_t inputs_of(const ResidualMlpOptions& o) { return o.height * o.width * o.channels; }

ResidualMlpOptions checked(ResidualMlpOptions options) {
  check(options.height > 0 && options.width > 0 && options.channels > 0 && options.features > 0 &&
            options.depth >= 0 && options.classes > 0,
        "residual_mlp: images ", Shape{options.height, options.width, options.channels},
        ", features ", options.features, " and classes ", options.classes,
        " must be positive, depth ", options.depth, " not negative");
  if (!options.statistics.mean.defined())
    options.statistics = data::neutral_statistics(options.channels, options.statistics.input);
  check(options.statistics.mean.numel() == options.channels, "residual_mlp: the statistics have ",
        options.statistics.mean.numel(), " channels, the images ", options.channels,
        "; use data::channel_statistics()");
  return options;
}

}  // namespace

ResidualMlp::ResidualMlp(const ResidualMlpOptions& options, Rng rng)
    : options_(checked(options)),
      standardize_(options_.statistics.mean, options_.statistics.deviation),
      head_(options_.features, options_.classes, {}, rng.split("head")) {
  for (int64_t i = 0; i <= options_.depth; ++i) {
    layers_.push_back(make_hidden(options_.hidden, i == 0 ? inputs_of(options_) : options_.features,
                                  options_.features, rng.split(concat("layers.", i))));
    norms_.push_back(std::make_unique<BatchNorm2d>(options_.features));
    norms_.back()->fuse(Activation::relu);
  }
}

std::unique_ptr<Module> ResidualMlp::make(const Config& config) {
  config.expect_keys(
      {"height", "width", "channels", "hidden", "features", "depth", "classes", "input"},
      "residual_mlp");
  ResidualMlpOptions options{.height = size_at(config, "height", 1, 1 << 16),
                             .width = size_at(config, "width", 1, 1 << 16),
                             .channels = size_at(config, "channels", 1, 1 << 16),
                             .hidden = config.at("hidden").as_string(),
                             .features = size_at(config, "features"),
                             .depth = size_at(config, "depth", 0),
                             .classes = size_at(config, "classes"),
                             .statistics = {}};
  if (const Config* input = config.find("input")) options.statistics.input = *input;
  return std::make_unique<ResidualMlp>(options, Rng(0));
}

Tensor ResidualMlp::forward(const Tensor& x) {
  check(x.rank() == 4 && x.dim(1) == options_.height && x.dim(2) == options_.width &&
            x.dim(3) == options_.channels,
        "residual_mlp: x", x.shape(), ", expected [batch, ", options_.height, ", ", options_.width,
        ", ", options_.channels, "]");
  Tensor y = (*norms_[0])(standardize_.before(*layers_[0], x));
  for (size_t i = 1; i < layers_.size(); ++i) y = (*norms_[i])((*layers_[i])(y), y);
  return head_(y);
}

void ResidualMlp::fields(Fields& f) {
  f("standardize", standardize_);
  f("layers", layers_);
  f("norms", norms_);
  f("head", head_);
}

std::string ResidualMlp::describe() const {
  return concat("ResidualMlp(", Shape{options_.height, options_.width, options_.channels}, ", ",
                options_.depth, " x ", options_.hidden, " ", options_.features, ", ",
                options_.classes, ")");
}

Config ResidualMlp::config() const {
  Config config = {{"height", options_.height},     {"width", options_.width},
                   {"channels", options_.channels}, {"hidden", options_.hidden},
                   {"features", options_.features}, {"depth", options_.depth},
                   {"classes", options_.classes}};
  if (!options_.statistics.input.is_null()) config["input"] = options_.statistics.input;
  return config;
}

int64_t ResidualMlp::features_at_flops_of(const std::string& like,
                                          const ResidualMlpOptions& options) {
  const auto flops = [&](const std::string& hidden, int64_t features) {
    ResidualMlpOptions o = options;
    o.hidden = hidden, o.features = features, o.statistics = {};
    int64_t sum = 0;
    for (const auto& layer : ResidualMlp(o, Rng(0)).layers_)
      sum += layer->cost({1, layer->in_features()}).flops;
    return sum;
  };
  const int64_t wanted = flops(like, options.features);
  int64_t fits = 1, too_wide = options.features + 1;
  while (too_wide - fits > 1) {
    const int64_t middle = (fits + too_wide) / 2;
    (flops(options.hidden, middle) <= wanted ? fits : too_wide) = middle;
  }
  return fits;
}

}  // namespace papilio::models
