// .amat files, the text format of the MNIST variations of the "deep versus shallow" comparison
// (Larochelle et al. 2007): an example a line, its pixels in [0, 1] and then its label.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "papilio/data/image_set.h"

namespace papilio::data {

struct AmatOptions {
  int64_t pad = 0;  ///< zeros on each side: 2 makes 28 x 28 to 32 x 32
};

/// `path` is a folder with one NAME_train....amat and one NAME_test....amat, as of the rotated
/// digits on pictures, or one file, as of the noise variations, of which a sixth chosen at random
/// (2,000 of 12,000) is the test set. Pixels in the order of the file. Throws Error that names the
/// file and the line.
ImageSet amat(const std::string& path, Split split, const AmatOptions& options = {});

/// A file in memory; `name` stands for it in messages.
ImageSet parse_amat(std::string_view text, const std::string& name,
                    const AmatOptions& options = {});

}  // namespace papilio::data
