// IDX files, the format of MNIST and its family (LeCun, Cortes and Burges,
// http://yann.lecun.com/exdb/mnist/), plain or gzipped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "papilio/data/image_set.h"

namespace papilio::data {

struct IdxOptions {
  int64_t pad = 0;                        ///< zeros on each side: 2 makes 28 x 28 to 32 x 32
  std::vector<std::string> classes = {};  ///< names by label; empty: "0" up to the largest label
};

/// Images (idx3, unsigned bytes) and labels (idx1, unsigned bytes). Throws Error that names the
/// file when it is missing, truncated, oversized, corrupt, of another type, has a size of zero or a
/// label without a class, or when the two files hold different counts.
ImageSet idx(const std::string& images_path, const std::string& labels_path,
             const IdxOptions& options = {});

/// {train,t10k}-{images-idx3,labels-idx1}-ubyte, each with or without .gz, and the names of the ten
/// classes.
ImageSet mnist(const std::string& directory, Split split, const IdxOptions& options = {});
ImageSet fashion_mnist(const std::string& directory, Split split, const IdxOptions& options = {});

/// Where Debian's package dataset-fashion-mnist puts it.
inline constexpr const char* kFashionMnistDirectory = "/usr/share/datasets/fashion-mnist";
inline ImageSet fashion_mnist(Split split, const IdxOptions& options = {}) {
  return fashion_mnist(kFashionMnistDirectory, split, options);
}

/// A pair of files in memory, plain or gzipped; `images_name` and `labels_name` stand for them in
/// messages.
ImageSet parse_idx(std::span<const std::byte> images, std::span<const std::byte> labels,
                   const std::string& images_name, const std::string& labels_name,
                   const IdxOptions& options = {});

}  // namespace papilio::data
