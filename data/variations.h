// The two MNIST variations of the compression experiment, made from any small gray images
// (Larochelle et al. 2007, "An empirical evaluation of deep architectures on problems with many
// factors of variation").
#pragma once

#include <cstdint>
#include <optional>

#include "papilio/data/image_set.h"

namespace papilio::data {

struct VariationOptions {
  int64_t pad = 0;    ///< zeros on each side of the result
  uint64_t seed = 0;  ///< of which images, angles, patches and noise
};

/// Every image turned by an angle of its own, uniform in [0, 2 pi), over a random patch of a random
/// picture: a pixel is the larger of both. Patches that hardly vary are drawn again. Without
/// `pictures`, square textures of random smooth noise take their place. 12,000 images of train and
/// test together for training and 50,000 others for testing, or as large a share of fewer. Throws
/// Error unless the images are gray squares and the pictures at least as large.
ImageSet rotated_on_pictures(const AnyDataset& train, const AnyDataset& test,
                             const std::optional<AnyDataset>& pictures, Split split,
                             const VariationOptions& options = {});

/// Every image over correlated noise: a pixel is the larger of both. The noise is (1 + erf(s /
/// sqrt 2)) / 2, uniform in [0, 1] at every pixel, of Gaussian numbers s of covariance g exp(-d^2 /
/// 36) + (1 - g) [d = 0] for pixels d apart, g = 1 - (level - 1) / 5: level 1 is the smoothest
/// background, 6 is independent noise. 10,000 images for training, 2,000 others for testing, or as
/// large a share of fewer. Throws Error unless the level is 1 to 6.
ImageSet over_noise(const AnyDataset& train, const AnyDataset& test, int level, Split split,
                    const VariationOptions& options = {});

}  // namespace papilio::data
