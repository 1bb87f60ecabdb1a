#include "papilio/models/resnet.h"

#include "papilio/core/config_size.h"
#include "papilio/layers/conv_norm.h"
#include "papilio/layers/factory.h"

namespace papilio::models {
namespace {

constexpr int kStages = 4;
constexpr int kBlocks = 2;  // of a stage

ResNetOptions checked(ResNetOptions o) {
  check(o.classes >= 1 && o.channels >= 1, "resnet: classes ", o.classes, " and channels ",
        o.channels, " must be at least 1");
  if (!o.statistics.mean.defined()) o.statistics = data::neutral_statistics(3, o.statistics.input);
  check(o.statistics.mean.numel() == 3, "resnet: the statistics have ", o.statistics.mean.numel(),
        " values, images have 3 channels; use data::channel_statistics()");
  return o;
}

int64_t features(const ResNetOptions& o) { return o.channels << (kStages - 1); }

std::vector<std::unique_ptr<ResidualBlock>> make_blocks(int64_t channels, const Rng& rng) {
  std::vector<std::unique_ptr<ResidualBlock>> blocks;
  int64_t in = channels;
  for (int stage = 0; stage < kStages; ++stage)
    for (int i = 0; i < kBlocks; ++i) {
      const int64_t out = channels << stage;
      blocks.push_back(std::make_unique<ResidualBlock>(in, out, stage > 0 && i == 0 ? 2 : 1,
                                                       rng.split(concat("block", blocks.size()))));
      in = out;
    }
  return blocks;
}

}  // namespace

ResidualBlock::ResidualBlock(int64_t in, int64_t out, int64_t stride, Rng rng)
    : conv1_(in, out, 3, {.stride = stride, .padding = 1, .bias = false}, rng.split("conv1")),
      conv2_(out, out, 3, {.padding = 1, .bias = false}, rng.split("conv2")),
      bn1_(out),
      bn2_(out) {
  bn1_.fuse(Activation::relu);
  bn2_.fuse(Activation::relu);
  if (stride == 1 && in == out) return;
  shortcut_ = std::make_unique<Conv2d>(
      in, out, 1, Conv2dLayerOptions{.stride = stride, .bias = false}, rng.split("shortcut"));
  shortcut_bn_ = std::make_unique<BatchNorm2d>(out);
}

Tensor ResidualBlock::forward(const Tensor& x) {
  const Tensor residual = shortcut_ ? conv_norm(*shortcut_, *shortcut_bn_, x) : x;
  return conv_norm(conv2_, bn2_, conv_norm(conv1_, bn1_, x), {.residual = residual});
}

void ResidualBlock::fields(Fields& f) {
  f("conv1", conv1_);
  f("bn1", bn1_);
  f("conv2", conv2_);
  f("bn2", bn2_);
  f("shortcut", shortcut_);
  f("shortcut_bn", shortcut_bn_);
}

std::string ResidualBlock::describe() const { return "ResidualBlock"; }

ResNet::ResNet(const ResNetOptions& options, Rng rng)
    : options_(checked(options)),
      standardize_(options_.statistics.mean, options_.statistics.deviation),
      conv1_(3, options_.channels, 3, {.padding = 1, .bias = false}, rng.split("conv1")),
      bn1_(options_.channels),
      blocks_(make_blocks(options_.channels, rng)),
      extra_(options_.extra == "none" ? nullptr
                                      : make_hidden(options_.extra, features(options_),
                                                    features(options_), rng.split("extra"))),
      head_(features(options_), options_.classes, {}, rng.split("head")) {
  bn1_.fuse(Activation::relu);
}

std::unique_ptr<Module> ResNet::make(const Config& config) {
  config.expect_keys({"classes", "extra", "channels", "input"}, "resnet");
  ResNetOptions options{.classes = size_at(config, "classes"),
                        .extra = config.at("extra").as_string(),
                        .channels = size_at(config, "channels", 1, 1 << 16),
                        .statistics = {}};
  if (const Config* input = config.find("input")) options.statistics.input = *input;
  return std::make_unique<ResNet>(options, Rng(0));
}

Tensor ResNet::forward(const Tensor& x) {
  check(x.rank() == 4, "resnet: x", x.shape(), ", expected [batch, height, width, 3]");
  Tensor y = conv_norm(conv1_, bn1_, standardize_(x));
  for (const auto& block : blocks_) y = (*block)(y);
  y = global_avg_pool2d(y);
  return head_(extra_ ? (*extra_)(y) : y);
}

void ResNet::fields(Fields& f) {
  f("standardize", standardize_);
  f("conv1", conv1_);
  f("bn1", bn1_);
  f("blocks", blocks_);
  f("extra", extra_);
  f("head", head_);
}

std::string ResNet::describe() const {
  return concat("ResNet(18, ", options_.channels, " channels, ", options_.extra, ", ",
                options_.classes, " classes)");
}

Config ResNet::config() const {
  Config config = {
      {"classes", options_.classes}, {"extra", options_.extra}, {"channels", options_.channels}};
  if (!options_.statistics.input.is_null()) config["input"] = options_.statistics.input;
  return config;
}

int64_t ResNet::extra_parameters() { return extra_ ? extra_->matrix_parameters() : 0; }

}  // namespace papilio::models
