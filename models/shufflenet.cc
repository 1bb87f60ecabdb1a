#include "papilio/models/shufflenet.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

#include "papilio/core/config_size.h"
#include "papilio/layers/by_parts.h"
#include "papilio/layers/channel_mixers.h"
#include "papilio/layers/conv_norm.h"
#include "papilio/layers/kmatrix.h"

namespace papilio::models {
namespace {

constexpr int64_t kStem = 24;
constexpr int64_t kBlocks[] = {4, 8, 4};  // of stages 2, 3 and 4
// Bytes of a stage's result that leave room in a core's cache for what else its blocks hold.
constexpr int64_t kCached = 400 << 10;

// Channels of stage 2 at width 1 (Zhang et al., Table 1); each further stage has twice as many.
const std::map<int64_t, int64_t> kStage2 = {{1, 144}, {2, 200}, {3, 240}, {4, 272}, {8, 384}};

// The multiple of `groups` nearest to `channels`, but never less than 90 % of it.
int64_t rounded(double channels, int64_t groups) {
  const auto g = static_cast<double>(groups);
  const int64_t near =
      std::max(groups, static_cast<int64_t>(std::floor((channels + g / 2) / g)) * groups);
  return static_cast<double>(near) < 0.9 * channels ? near + groups : near;
}

ShuffleNetOptions checked(ShuffleNetOptions o) {
  check(kStage2.contains(o.groups), "shufflenet: groups ", o.groups,
        "; the numbers are 1, 2, 3, 4 and 8");
  check(o.width > 0 && o.width <= 64, "shufflenet: width ", o.width,
        ", a factor above 0 and up to 64 is needed, such as 0.25, 0.5 or 1");
  check(o.classes >= 1, "shufflenet: classes ", o.classes, ", at least 1 is needed");
  check(o.image_size >= 16, "shufflenet: image size ", o.image_size, ", at least 16 is needed");
  const auto names = shufflenet_mixers();
  check(std::ranges::find(names, o.mixer) != names.end(), "shufflenet: unknown mixer '", o.mixer,
        "'; the names are shuffle, hadamard, kmatrix and none");
  check(o.mixer_init == "random" || o.mixer_init == "shuffle", "shufflenet: unknown mixer_init '",
        o.mixer_init, "'; the names are random and shuffle");
  if (!o.statistics.mean.defined()) o.statistics = data::neutral_statistics(3, o.statistics.input);
  check(o.statistics.mean.numel() == 3, "shufflenet: the statistics have ",
        o.statistics.mean.numel(),
        " values, images have 3 channels; use data::channel_statistics()");
  return o;
}

int64_t stem_channels(const ShuffleNetOptions& o) {
  return rounded(static_cast<double>(kStem) * o.width, o.groups);
}
int64_t stage_channels(const ShuffleNetOptions& o, int stage) {
  return rounded(static_cast<double>(kStage2.at(o.groups) << (stage - 2)) * o.width, o.groups);
}

std::vector<std::unique_ptr<ShuffleBlock>> make_stage(const ShuffleNetOptions& o, int stage,
                                                      const Rng& rng) {
  std::vector<std::unique_ptr<ShuffleBlock>> blocks;
  for (int64_t i = 0; i < kBlocks[stage - 2]; ++i) {
    const int64_t out = stage_channels(o, stage);
    const int64_t before = stage == 2 ? stem_channels(o) : stage_channels(o, stage - 1);
    const bool ungrouped = stage == 2 && (i == 0 || o.ungrouped_stage2);
    blocks.push_back(std::make_unique<ShuffleBlock>(
        ShuffleBlock::Options{.in = i == 0 ? before : out,
                              .out = out,
                              .stride = i == 0 ? 2 : 1,
                              .groups = o.groups,
                              .first_groups = ungrouped ? 1 : o.groups,
                              .mixer = o.mixer,
                              .mixer_init = o.mixer_init},
        rng.split(concat("stage", stage, ".", i))));
  }
  return blocks;
}

// `input`: the mixer before the block's first convolution, where the shuffle has none.
std::unique_ptr<Module> make_mixer(const ShuffleBlock::Options& o, int64_t channels, bool input,
                                   Rng rng) {
  const auto& mixer = o.mixer;
  const int64_t groups = o.first_groups;
  if (mixer == "kmatrix") {
    KMatrixOptions options{.orthogonal = true, .bias = false};
    if (o.mixer_init == "shuffle")
      options.permutation = shuffle_permutation(channels, input ? 1 : groups);
    return std::make_unique<KMatrix>(channels, channels, options, rng);
  }
  if (mixer == "hadamard") return std::make_unique<ChannelHadamard>(channels);
  if (mixer == "shuffle" && !input && groups > 1)
    return std::make_unique<ChannelShuffle>(channels, groups);
  return nullptr;
}

int64_t mid_channels(const ShuffleBlock::Options& o) {
  return rounded(static_cast<double>(o.out) / 4, o.groups);
}
int64_t branch_channels(const ShuffleBlock::Options& o) {
  return o.stride == 2 ? o.out - o.in : o.out;
}

Tensor mixed(const std::unique_ptr<Module>& mixer, const Tensor& x) {
  return mixer ? (*mixer)(x) : x;
}

// The mixer as a K-matrix that is better composed with a weight of `out` rows; null if there is
// none.
KMatrix* composed(const std::unique_ptr<Module>& mixer, int64_t out, ComposedMixer::Use use) {
  auto* kmatrix = dynamic_cast<KMatrix*>(mixer.get());
  return kmatrix && ComposedMixer::pays(*kmatrix, out, use) ? kmatrix : nullptr;
}

}  // namespace

ShuffleNetStem shufflenet_stem(int64_t image_size) {
  return {.stride = image_size < 48 ? 1 : 2, .pool = image_size >= 128};
}

std::vector<std::string> shufflenet_mixers() { return {"shuffle", "hadamard", "kmatrix", "none"}; }

ShuffleBlock::ShuffleBlock(const Options& o, Rng rng)
    : options_(o),
      mix_in_(make_mixer(o, o.in, true, rng.split("mix_in"))),
      mix_mid_(make_mixer(o, mid_channels(o), false, rng.split("mix_mid"))),
      reduce_(o.in, mid_channels(o), 1, {.groups = o.first_groups, .bias = false, .init = "he"},
              rng.split("reduce")),
      depthwise_(mid_channels(o), mid_channels(o), 3,
                 {.stride = o.stride,
                  .padding = 1,
                  .groups = mid_channels(o),
                  .bias = false,
                  .init = "he"},
                 rng.split("depthwise")),
      expand_(mid_channels(o), branch_channels(o), 1,
              {.groups = o.groups, .bias = false, .init = "he"}, rng.split("expand")),
      norm1_(mid_channels(o)),
      norm2_(mid_channels(o)),
      norm3_(branch_channels(o)) {
  norm1_.fuse(Activation::relu);
  norm3_.fuse(Activation::relu);
  composed_in_ = composed(mix_in_, mid_channels(o), ComposedMixer::Use::training);
  inferred_in_ = composed(mix_in_, mid_channels(o), ComposedMixer::Use::inference);
  composed_mid_ = composed(mix_mid_, mid_channels(o), ComposedMixer::Use::training);
  Parameter weight = depthwise_.weight();
  weight.mutable_hints().weight_decay = false;
}

Tensor ShuffleBlock::forward(const Tensor& x) {
  if (options_.stride == 1) return branch(x, x);
  // The ReLU after the concatenation changes nothing in the means of what another ReLU gave.
  // The branch comes first, so that its convolution adds to the gradient that the pooling gave.
  const Tensor y = branch(x, {});
  return concat({avg_pool2d(x, {.kernel = 3, .stride = 2, .padding = 1}), y}, -1);
}

Tensor ShuffleBlock::branch(const Tensor& x, const Tensor& residual) {
  const auto* shuffle = dynamic_cast<const ChannelShuffle*>(mix_mid_.get());
  if (!shuffle || !plain_inference())
    return conv_norm_twice(depthwise_, norm2_, expand_, norm3_, remixed(reduced(x)), residual);
  // A depthwise convolution takes channels in any order, and the last one reads them from where
  // they are: no shuffle.
  const Tensor filtered = conv_norm(depthwise_, norm2_, reduced(x), {.places = shuffle->places()});
  return conv_norm(expand_, norm3_, filtered, {.residual = residual, .order = shuffle->order()});
}

Tensor ShuffleBlock::reduced(const Tensor& x) {
  if (KMatrix* mixer = plain_inference() ? inferred_in_ : composed_in_)
    return conv_norm(in_weight_.weight(*mixer, reduce_), {}, norm1_, x);
  return conv_norm(reduce_, norm1_, mixed(mix_in_, x));
}

Tensor ShuffleBlock::remixed(const Tensor& x) {
  // Alone, without a convolution to take in, it gains nothing in inference.
  if (composed_mid_ && !plain_inference())
    return conv2d(x, mid_weight_.weight(*composed_mid_), {}, {});
  return mixed(mix_mid_, x);
}

void ShuffleBlock::fields(Fields& f) {
  f("mix_in", mix_in_);
  f("reduce", reduce_);
  f("norm1", norm1_);
  f("mix_mid", mix_mid_);
  f("depthwise", depthwise_);
  f("norm2", norm2_);
  f("expand", expand_);
  f("norm3", norm3_);
}

std::string ShuffleBlock::describe() const {
  return concat("ShuffleBlock(", options_.in, ", ", options_.out, ", stride ", options_.stride,
                ", groups ", options_.first_groups, " and ", options_.groups, ", ", options_.mixer,
                ")");
}

ShuffleNet::ShuffleNet(const ShuffleNetOptions& options, Rng rng)
    : options_(checked(options)),
      stem_(shufflenet_stem(options_.image_size)),
      standardize_(options_.statistics.mean, options_.statistics.deviation),
      conv1_(3, stem_channels(options_), 3,
             {.stride = stem_.stride, .padding = 1, .bias = false, .init = "he"},
             rng.split("conv1")),
      norm1_(stem_channels(options_)),
      stage2_(make_stage(options_, 2, rng)),
      stage3_(make_stage(options_, 3, rng)),
      stage4_(make_stage(options_, 4, rng)),
      head_(stage_channels(options_, 4), options_.classes, {.init = "small"}, rng.split("head")) {
  norm1_.fuse(Activation::relu);
}

std::unique_ptr<Module> ShuffleNet::make(const Config& config) {
  config.expect_keys(
      {"classes", "width", "groups", "mixer", "image_size", "ungrouped_stage2", "input"},
      "shufflenet");
  ShuffleNetOptions options{.classes = size_at(config, "classes"),
                            .width = config.at("width").as_double(),
                            .groups = size_at(config, "groups"),
                            .mixer = config.at("mixer").as_string(),
                            .image_size = size_at(config, "image_size"),
                            .ungrouped_stage2 = config.at("ungrouped_stage2").as_bool(),
                            .statistics = {}};
  if (const Config* input = config.find("input")) options.statistics.input = *input;
  return std::make_unique<ShuffleNet>(options, Rng(0));
}

Tensor ShuffleNet::forward(const Tensor& x) {
  check(x.rank() == 4 && x.dim(1) >= 16 && x.dim(2) >= 16, "shufflenet: x", x.shape(),
        ", expected [batch, height, width, 3] of at least 16 x 16 pixels");
  // In inference few images at a time, whose activations stay in the cache.
  const int64_t side = stem_.pool ? 8 : 2 * stem_.stride,
                bytes = x.dim(1) * x.dim(2) / (side * side) * stage_channels(options_, 2) * 4;
  return head_(plain_inference()
                   ? by_parts(x, std::max<int64_t>(kCached / std::max<int64_t>(bytes, 1), 1),
                              [this](const Tensor& part) { return features(part); })
                   : features(x));
}

Tensor ShuffleNet::features(const Tensor& x) {
  Tensor y = conv_norm(conv1_, norm1_, standardize_(x));
  if (stem_.pool) y = max_pool2d(y, {.kernel = 3, .stride = 2, .padding = 1});
  for (auto* stage : {&stage2_, &stage3_, &stage4_})
    for (const auto& block : *stage) y = (*block)(y);
  return global_avg_pool2d(y);
}

void ShuffleNet::fields(Fields& f) {
  f("standardize", standardize_);
  f("conv1", conv1_);
  f("norm1", norm1_);
  f("stage2", stage2_);
  f("stage3", stage3_);
  f("stage4", stage4_);
  f("head", head_);
}

std::string ShuffleNet::describe() const {
  return concat("ShuffleNet(", options_.width, "x, groups ", options_.groups, ", ", options_.mixer,
                ", ", options_.image_size, " pixels, ", options_.classes, " classes)");
}

Config ShuffleNet::config() const {
  Config config = {
      {"classes", options_.classes},       {"width", options_.width},
      {"groups", options_.groups},         {"mixer", options_.mixer},
      {"image_size", options_.image_size}, {"ungrouped_stage2", options_.ungrouped_stage2}};
  if (!options_.statistics.input.is_null()) config["input"] = options_.statistics.input;
  return config;
}

}  // namespace papilio::models
