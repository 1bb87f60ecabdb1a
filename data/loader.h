// Loader: cuts a data set into batches, epoch by epoch, on worker threads if wanted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <vector>

#include "papilio/data/dataset.h"
#include "papilio/data/transforms.h"

namespace papilio::data {

struct LoaderOptions {
  int64_t batch = 50;      ///< examples in a batch
  bool shuffle = false;    ///< a new order in every epoch
  bool drop_last = false;  ///< leave out a last batch that is not full
  uint64_t seed = 0;       ///< of the order and the transforms
  int workers = 0;         ///< threads that prepare batches; 0: they are made when asked for
  int64_t prefetch = 4;    ///< how many batches the workers may be ahead
  bool augment = false;  ///< draw each example with the data set's own augmentation, if it has one
  std::vector<Transform> transforms = {};  ///< applied after that, in this order
};

struct Batch {
  Tensor images;  ///< f32 [batch, height, width, channels]
  Tensor labels;  ///< i64 [batch]
};

/// The batches of one epoch, to be read once: `for (const auto& [images, labels] :
/// loader.epoch(0))`. A failure of the data set or of a transform is thrown as Error, with the
/// example's index, where its batch would have come. Destroying an Epoch stops and joins its
/// workers.
class Epoch {
 public:
  class Source;

  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = Batch;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    explicit Iterator(Source* source) : source_(source) { ++*this; }
    const Batch& operator*() const { return batch_; }
    const Batch* operator->() const { return &batch_; }
    Iterator& operator++();
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return source_ == nullptr; }

   private:
    Source* source_ = nullptr;  // null at the end
    Batch batch_;
  };

  explicit Epoch(std::unique_ptr<Source> source);
  Epoch(Epoch&&) noexcept;
  ~Epoch();

  /// Throws Error when the epoch was begun before.
  Iterator begin();
  std::default_sentinel_t end() const { return {}; }

 private:
  std::unique_ptr<Source> source_;
  bool begun_ = false;
};

/// The order of the examples and the keys of augmentation and transforms are functions of the seed,
/// the epoch and the example's index alone: any number of workers makes the same bytes, and an
/// epoch continued from a step equals the one that was left.
class Loader {
 public:
  /// Throws Error for an empty data set, a batch or prefetch below 1, workers below 0, and when
  /// drop_last leaves nothing.
  Loader(AnyDataset dataset, LoaderOptions options);

  /// Batches in an epoch.
  int64_t steps() const;
  /// The batches first_step, first_step + 1, ... of an epoch; the skipped ones are not read. Throws
  /// Error unless 0 <= first_step <= steps().
  Epoch epoch(int64_t epoch, int64_t first_step = 0) const;

  const AnyDataset& dataset() const { return dataset_; }
  const LoaderOptions& options() const { return options_; }

 private:
  AnyDataset dataset_;
  LoaderOptions options_;
};

}  // namespace papilio::data
