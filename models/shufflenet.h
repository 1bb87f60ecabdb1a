// ShuffleNet v1 with a choice of what mixes its channels: the fixed shuffle, a fixed Hadamard
// transform, or trained K-matrices.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "papilio/data/statistics.h"
#include "papilio/layers/channel_mixers.h"
#include "papilio/layers/conv2d.h"
#include "papilio/layers/linear.h"
#include "papilio/layers/module.h"
#include "papilio/layers/norm.h"

namespace papilio::models {

struct ShuffleNetOptions {
  int64_t classes = 1000;
  double width = 1;               ///< factor on all channel numbers
  int64_t groups = 8;             ///< of the pointwise convolutions: 1, 2, 3, 4 or 8
  std::string mixer = "shuffle";  ///< a name of shufflenet_mixers()
  /// How K-matrices begin: "random" (angles uniform, diagonals normal, as in the code of the
  /// Kaleidoscope paper), or "shuffle": as the shuffle network, mixers being the shuffle or the
  /// identity. Not part of the saved configuration.
  std::string mixer_init = "random";
  int64_t image_size = 224;  ///< chooses the stem, see shufflenet_stem(); at least 16
  /// Is the first pointwise convolution ungrouped in every block of stage 2, as in the code of
  /// the Kaleidoscope paper, or in the first block only, as in the ShuffleNet paper?
  bool ungrouped_stage2 = true;
  data::Statistics statistics;  ///< of the training images' channels; none: taken as they are
};

/// What stands before stage 2: a 3x3 convolution and, from 128 pixels on, a max-pooling of stride
/// 2, as the paper has it. Smaller images keep more of their resolution.
struct ShuffleNetStem {
  int64_t stride;
  bool pool;
};
ShuffleNetStem shufflenet_stem(int64_t image_size);

/// "shuffle", "hadamard", "kmatrix", "none".
std::vector<std::string> shufflenet_mixers();

/// The residual block: mixer on the input (kmatrix and hadamard only) -> 1x1 convolution to a
/// quarter of the channels -> batch norm, ReLU -> mixer -> 3x3 depthwise convolution -> batch norm
/// -> 1x1 grouped convolution -> batch norm; plus the input, then ReLU. A block of stride 2 halves
/// the image: its input goes through a 3x3 average pooling, and stands before the branch's channels
/// instead of being added. Inputs are not negative: they come from a ReLU.
class ShuffleBlock : public Module {
 public:
  struct Options {
    int64_t in, out, stride;
    int64_t groups;        ///< of the last convolution
    int64_t first_groups;  ///< of the first one, and of the shuffle
    std::string mixer;
    std::string mixer_init = "random";
  };
  ShuffleBlock(const Options& options, Rng rng);

  Tensor forward(const Tensor& x) override;
  void fields(Fields& f) override;
  std::string describe() const override;

 private:
  Tensor branch(const Tensor& x, const Tensor& residual);
  Tensor reduced(const Tensor& x);
  Tensor remixed(const Tensor& x);

  Options options_;
  std::unique_ptr<Module> mix_in_, mix_mid_;
  // The mixers, where it pays in training, and in inference.
  KMatrix *composed_in_ = nullptr, *composed_mid_ = nullptr, *inferred_in_ = nullptr;
  ComposedMixer in_weight_, mid_weight_;
  Conv2d reduce_, depthwise_, expand_;
  BatchNorm2d norm1_, norm2_, norm3_;
};

/// x [batch, height, width, 3] -> standardise -> stem -> stages 2, 3, 4 of 4, 8, 4 blocks -> mean
/// over the image -> linear -> logits [batch, classes]. Zhang et al., "ShuffleNet: An Extremely
/// Efficient Convolutional Neural Network for Mobile Devices", with the mixers of Dao et al. 2020,
/// section 3.1.2: an orthogonal K-matrix over the channels in the place of every shuffle, and a
/// second one before each block's first convolution.
///
/// Depthwise convolutions, norms and structured weights don't decay. Convolutions begin with the
/// "he" values of initial_weight(), the classifier with "small" ones.
class ShuffleNet : public Module {
 public:
  ShuffleNet(const ShuffleNetOptions& options, Rng rng);
  static std::unique_ptr<Module> make(const Config& config);

  Tensor forward(const Tensor& x) override;
  void fields(Fields& f) override;
  std::string describe() const override;
  Config config() const override;
  Config input() const override { return options_.statistics.input; }

 private:
  Tensor features(const Tensor& x);

  ShuffleNetOptions options_;
  ShuffleNetStem stem_;
  Standardize standardize_;
  Conv2d conv1_;
  BatchNorm2d norm1_;
  std::vector<std::unique_ptr<ShuffleBlock>> stage2_, stage3_, stage4_;
  Linear head_;
};

}  // namespace papilio::models
