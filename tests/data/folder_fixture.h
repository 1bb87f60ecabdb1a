// What tests of ImageFolder share: a folder of twelve pictures, and all that a loader gives of it.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "papilio/data/image_folder.h"
#include "papilio/data/loader.h"
#include "papilio/tests/core/error_of.h"
#include "papilio/tests/data/picture_folders.h"

namespace papilio::data {

namespace fs = std::filesystem;
using small_sets::Folder;

inline const Config kSmall = {{"height", 8}};

inline std::vector<float> pixels_of(const Example& example) {
  const auto pixels = example.image.span<float>();
  return {pixels.begin(), pixels.end()};
}

// Everything that a loader gives in an epoch.
struct Read {
  std::vector<float> pixels;
  std::vector<int64_t> labels;

  bool operator==(const Read&) const = default;
};
inline Read read(const AnyDataset& set, int workers, int64_t epoch, int64_t first_step = 0,
                 bool augment = true) {
  const Loader loader(
      set, {.batch = 5, .shuffle = true, .seed = 3, .workers = workers, .augment = augment});
  Read all;
  for (const auto& [images, labels] : loader.epoch(epoch, first_step)) {
    for (const float pixel : images.span<float>()) all.pixels.push_back(pixel);
    for (const int64_t label : labels.span<int64_t>()) all.labels.push_back(label);
  }
  return all;
}

class Pictures : public testing::Test {
 protected:
  Pictures() { picture_folders::write_pictures(folder_.path(), 4); }

  ImageFolder train(const FolderOptions& options = {}, const Config& input = kSmall) const {
    return ImageFolder(folder_.path(), Split::train, input, options);
  }
  std::string error(Split split = Split::train, const FolderOptions& options = {}) const {
    return error_of([&] { ImageFolder(folder_.path(), split, kSmall, options); });
  }

  const Folder folder_;
};

}  // namespace papilio::data
