#include "papilio/models/compressed_mlp.h"

#include "papilio/core/config_size.h"
#include "papilio/layers/factory.h"

namespace papilio::models {
namespace {

CompressedMlpOptions checked(CompressedMlpOptions options) {
  check(options.inputs > 0 && options.width > 0 && options.classes > 0, "compressed_mlp: inputs ",
        options.inputs, ", width ", options.width, " and classes ", options.classes,
        " must all be positive");
  if (!options.statistics.mean.defined())
    options.statistics = data::neutral_statistics(options.inputs, options.statistics.input);
  check(options.statistics.mean.numel() == options.inputs, "compressed_mlp: the statistics have ",
        options.statistics.mean.numel(), " features, the model takes ", options.inputs,
        "; set inputs to the size of one example");
  return options;
}

}  // namespace

CompressedMlp::CompressedMlp(const CompressedMlpOptions& options, Rng rng)
    : options_(checked(options)),
      standardize_(options_.statistics.mean, options_.statistics.deviation),
      hidden_(make_hidden(options_.hidden, options_.inputs, options_.width, rng.split("hidden"))),
      head_(options_.width, options_.classes, {}, rng.split("head")) {
  hidden_->fuse(Activation::relu);
}

std::unique_ptr<Module> CompressedMlp::make(const Config& config) {
  config.expect_keys({"inputs", "hidden", "width", "classes", "input"}, "compressed_mlp");
  CompressedMlpOptions options{.inputs = size_at(config, "inputs"),
                               .hidden = config.at("hidden").as_string(),
                               .width = size_at(config, "width"),
                               .classes = size_at(config, "classes"),
                               .statistics = {}};
  if (const Config* input = config.find("input")) options.statistics.input = *input;
  return std::make_unique<CompressedMlp>(options, Rng(0));
}

Tensor CompressedMlp::forward(const Tensor& x) {
  check(x.rank() >= 2 && x.numel() == x.dim(0) * options_.inputs, "compressed_mlp: x", x.shape(),
        " has ", x.rank() < 2 ? 0 : x.numel() / std::max<int64_t>(x.dim(0), 1),
        " features per example, the model takes ", options_.inputs,
        "; give it images of the size it was made for");
  const Tensor flat = reshape(x, {x.dim(0), options_.inputs});
  return head_(standardize_.before(*hidden_, flat));
}

void CompressedMlp::fields(Fields& f) {
  f("standardize", standardize_);
  f("hidden", hidden_);
  f("head", head_);
}

std::string CompressedMlp::describe() const {
  return concat("CompressedMlp(", options_.inputs, ", ", options_.hidden, " ", options_.width, ", ",
                options_.classes, ")");
}

Config CompressedMlp::config() const {
  Config config = {{"inputs", options_.inputs},
                   {"hidden", options_.hidden},
                   {"width", options_.width},
                   {"classes", options_.classes}};
  if (!options_.statistics.input.is_null()) config["input"] = options_.statistics.input;
  return config;
}

double CompressedMlp::compression() {
  const bool dense = hidden_parameters() == options_.inputs * options_.width;
  if (options_.hidden == "dense" && dense) return 1;  // it may be replaced
  const int64_t head = options_.width * options_.classes + options_.classes;
  return static_cast<double>(options_.inputs * options_.width) /
         static_cast<double>(hidden_parameters() + head);
}

}  // namespace papilio::models
