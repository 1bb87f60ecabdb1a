// Small things to train and evaluate on.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "papilio/core/file.h"
#include "papilio/core/random.h"
#include "papilio/data/image_set.h"

namespace papilio::testing {

/// A folder of its own that is removed with everything in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "papilio-XXXXXX").string();
    check(mkdtemp(name.data()) != nullptr, "no temporary folder");
    path_ = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// `count` gray images, `side` x `side`, of four classes: the quarter of the image that is bright,
/// under noise.
inline std::vector<uint8_t> toy_levels(int64_t count, int64_t side, uint64_t seed) {
  std::vector<uint8_t> levels;
  for (int64_t i = 0; i < count; ++i) {
    const Rng rng = Rng(seed).split(static_cast<uint64_t>(i));
    for (int64_t y = 0; y < side; ++y)
      for (int64_t x = 0; x < side; ++x) {
        const bool bright = (2 * y / side) * 2 + 2 * x / side == i % 4;
        const double noise = 40 * rng.normal(static_cast<uint64_t>(y * side + x));
        levels.push_back(
            static_cast<uint8_t>(std::clamp((bright ? 140.0 : 100.0) + noise, 0.0, 255.0)));
      }
  }
  return levels;
}

inline std::vector<int64_t> toy_labels(int64_t count) {
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < count; ++i) labels.push_back(i % 4);
  return labels;
}

inline data::ImageSet toy(int64_t count, uint64_t seed, int64_t side = 8) {
  return data::ImageSet({.name = "toy",
                         .classes = {"upper left", "upper right", "lower left", "lower right"},
                         .input = data::input_contract({side, side, 1})},
                        {side, side, 1}, toy_levels(count, side, seed), toy_labels(count));
}

/// The files that a trained run leaves and that must not depend on how often it was stopped.
inline std::string run_bytes(const std::string& folder) {
  std::string all;
  for (const char* file : {"last.safetensors", "best.safetensors", "metrics.csv", "config.json"})
    all += read_file(folder + "/" + file);
  return all;
}

}  // namespace papilio::testing
