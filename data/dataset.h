// What a data set is: a size and a function from an index to an example. Anything with these two is
// a Dataset; AnyDataset is the handle that loaders, statistics and evaluation take. Long because
// what a set may offer besides and the handle that passes it on are one contract.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "papilio/core/config.h"
#include "papilio/core/random.h"
#include "papilio/core/tensor.h"

namespace papilio::data {

enum class Split { train, test };
/// "train" or "test".
std::string_view text(Split split);

struct Example {
  Tensor image;   ///< f32 [height, width, channels], values in [0, 1] as long as no transform
                  ///< changes them
  int64_t label;  ///< 0 .. classes - 1
};

/// get() is called from several threads at once, and returns the same for the same index.
template <class D>
concept Dataset = requires(const D& d, int64_t i) {
  { d.size() } -> std::convertible_to<int64_t>;
  { d.get(i) } -> std::same_as<Example>;
};

struct DatasetInfo {
  std::string name = "data set";     ///< for reports and messages, without a path: "cifar10 train"
  std::vector<std::string> classes;  ///< names by label; may be empty
  /// How a picture becomes an image: {"height": 32, "width": 32, "channels": 1, "grayscale": true,
  /// "pad": 0}. Height and width include `pad`, the zeros on each side; grayscale is the plain mean
  /// of red, green and blue. Sets of picture files add "resize" and "exif", see image_folder.h.
  Config input;
};

/// A Dataset may have info(). When its images all have one shape it may also offer image_shape()
/// and copy_to(i, pixels), which writes the image in place and returns the label: batches are then
/// made without a Tensor for each example.
template <class D>
concept DescribedDataset = Dataset<D> && requires(const D& d) {
  { d.info() } -> std::convertible_to<DatasetInfo>;
};
template <class D>
concept DirectDataset = Dataset<D> && requires(const D& d, int64_t i, float* pixels) {
  { d.image_shape() } -> std::convertible_to<std::optional<Shape>>;
  { d.copy_to(i, pixels) } -> std::convertible_to<int64_t>;
};

/// A DirectDataset that has its own augmentation offers draw(i, key, pixels): copy_to() of a
/// variant of example i that is a function of the key. And one that replaces examples that can't be
/// read says with damaged() how many it has met.
template <class D>
concept DrawnDataset = DirectDataset<D> && requires(const D& d, int64_t i, Rng key, float* pixels) {
  { d.draw(i, key, pixels) } -> std::convertible_to<int64_t>;
};
template <class D>
concept DamageableDataset = Dataset<D> && requires(const D& d) {
  { d.damaged() } -> std::convertible_to<int64_t>;
};

/// A shared handle to any Dataset; copies are cheap and refer to the same one.
class AnyDataset {
 public:
  template <class D>
  requires(!std::same_as<D, AnyDataset> && Dataset<D>) AnyDataset(D dataset)
      : model_(std::make_shared<const Model<D>>(std::move(dataset))) {}

  int64_t size() const { return model_->size(); }
  /// Throws Error unless 0 <= i < size().
  Example get(int64_t i) const;
  const DatasetInfo& info() const { return model_->info; }
  /// The shape of every image when copy_to() may be called.
  std::optional<Shape> image_shape() const { return model_->image_shape(); }
  /// Writes the pixels of example i and returns its label.
  int64_t copy_to(int64_t i, float* pixels) const;
  /// The same for a variant of example i that the key chooses; example i itself when the set has no
  /// augmentation of its own.
  int64_t draw(int64_t i, Rng key, float* pixels) const;
  /// Examples met so far that can't be read and were replaced.
  int64_t damaged() const { return model_->damaged(); }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual int64_t size() const = 0;
    virtual Example get(int64_t i) const = 0;
    virtual std::optional<Shape> image_shape() const { return {}; }
    virtual int64_t copy_to(int64_t i, float* pixels) const = 0;
    virtual int64_t draw(int64_t i, Rng key, float* pixels) const = 0;
    virtual int64_t damaged() const { return 0; }

    DatasetInfo info;
  };

  template <class D>
  struct Model final : Interface {
    explicit Model(D d) : dataset(std::move(d)) {
      if constexpr (DescribedDataset<D>) this->info = dataset.info();
    }
    int64_t size() const override { return static_cast<int64_t>(dataset.size()); }
    Example get(int64_t i) const override { return dataset.get(i); }
    std::optional<Shape> image_shape() const override {
      if constexpr (DirectDataset<D>) return dataset.image_shape();
      return {};
    }
    int64_t copy_to(int64_t i, float* pixels) const override {
      if constexpr (DirectDataset<D>) return dataset.copy_to(i, pixels);
      return copy(dataset.get(i), pixels);
    }
    int64_t draw(int64_t i, [[maybe_unused]] Rng key, float* pixels) const override {
      if constexpr (DrawnDataset<D>) return dataset.draw(i, key, pixels);
      return copy_to(i, pixels);
    }
    int64_t damaged() const override {
      if constexpr (DamageableDataset<D>) return dataset.damaged();
      return 0;
    }

    D dataset;
  };

  static int64_t copy(const Example& example, float* pixels);
  void check_index(int64_t i) const;

  std::shared_ptr<const Interface> model_;
};

/// Some examples of another data set, in the order given.
class Subset {
 public:
  /// Throws Error unless every index is one of `all`.
  Subset(AnyDataset all, std::vector<int64_t> indices);

  int64_t size() const { return static_cast<int64_t>(indices_.size()); }
  Example get(int64_t i) const { return all_.get(indices_[static_cast<size_t>(i)]); }
  const DatasetInfo& info() const { return all_.info(); }
  std::optional<Shape> image_shape() const { return all_.image_shape(); }
  int64_t copy_to(int64_t i, float* pixels) const {
    return all_.copy_to(indices_[static_cast<size_t>(i)], pixels);
  }
  int64_t draw(int64_t i, Rng key, float* pixels) const {
    return all_.draw(indices_[static_cast<size_t>(i)], key, pixels);
  }
  int64_t damaged() const { return all_.damaged(); }

 private:
  AnyDataset all_;
  std::vector<int64_t> indices_;
};

/// {train, validation}: validation is a random part of round(fraction * size) examples, a function
/// of the seed alone; both keep the order of `all`. Throws Error unless 0 <= fraction < 1 and
/// something is left to train on.
std::pair<AnyDataset, AnyDataset> split_validation(const AnyDataset& all, double fraction,
                                                   uint64_t seed);

}  // namespace papilio::data
