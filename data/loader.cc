#include "papilio/data/loader.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "papilio/core/random.h"
#include "papilio/core/threads.h"

namespace papilio::data {
namespace {

// What an epoch is, and how any one of its batches is made: shared by the threads, never written.
struct Plan {
  AnyDataset dataset;
  LoaderOptions options;
  std::vector<int64_t> order;  // empty: as in the data set
  Rng rng;
  int64_t steps;

  Batch batch(int64_t step, const std::atomic<bool>& stop) const;

 private:
  Example example(int64_t index) const;
  int64_t write(int64_t index, float* pixels) const;
  int64_t fill(int64_t index, int64_t place, int64_t count, Batch& batch) const;
};

int64_t Plan::write(int64_t index, float* pixels) const {
  if (!options.augment) return dataset.copy_to(index, pixels);
  return dataset.draw(index, rng.split(static_cast<uint64_t>(index)).split("draw"), pixels);
}

Example Plan::example(int64_t index) const {
  Example result;
  if (const auto shape = dataset.image_shape(); shape && options.augment) {
    result.image = Tensor(*shape);
    result.label = write(index, result.image.mutable_data<float>());
  } else {
    result = dataset.get(index);
  }
  const Rng key = rng.split(static_cast<uint64_t>(index));
  for (size_t i = 0; i < options.transforms.size(); ++i)
    result = options.transforms[i](result, key.split(i));
  return result;
}

Tensor images_for(int64_t count, const Shape& shape) {
  check(shape.rank() == 3, "its image is ", shape, ", [height, width, channels] is needed");
  return Tensor({count, shape[0], shape[1], shape[2]});
}

int64_t Plan::fill(int64_t index, int64_t place, int64_t count, Batch& batch) const {
  if (const auto shape = dataset.image_shape(); shape && options.transforms.empty()) {
    if (!batch.images.defined()) batch.images = images_for(count, *shape);
    return write(index, batch.images.mutable_data<float>() + place * shape->numel());
  }
  const Example next = example(index);
  const Shape& shape = next.image.shape();
  if (!batch.images.defined()) batch.images = images_for(count, shape);
  const Shape& all = batch.images.shape();
  check(shape == Shape{all[1], all[2], all[3]}, "its image is ", shape, ", the batch began with ",
        Shape{all[1], all[2], all[3]}, "; bring them to one size with a transform");
  const auto pixels = next.image.span<float>();
  std::copy(pixels.begin(), pixels.end(),
            batch.images.mutable_data<float>() + place * shape.numel());
  return next.label;
}

Batch Plan::batch(int64_t step, const std::atomic<bool>& stop) const {
  const int64_t first = step * options.batch;
  const int64_t count = std::min(options.batch, dataset.size() - first);
  Batch result{{}, Tensor({count}, DType::i64)};
  int64_t* labels = result.labels.mutable_data<int64_t>();
  for (int64_t place = 0; place < count && !stop.load(std::memory_order_relaxed); ++place) {
    const int64_t index = order.empty() ? first + place : order[static_cast<size_t>(first + place)];
    try {
      labels[place] = fill(index, place, count, result);
    } catch (const std::exception& error) {
      fail("loader: example ", index, " of ", dataset.info().name, ": ", error.what());
    }
  }
  return result;
}

}  // namespace

class Epoch::Source {
 public:
  virtual ~Source() = default;
  /// False at the end.
  virtual bool next(Batch& batch) = 0;
};

namespace {

class Inline final : public Epoch::Source {
 public:
  Inline(Plan plan, int64_t first_step) : plan_(std::move(plan)), step_(first_step) {}

  bool next(Batch& batch) override {
    if (step_ == plan_.steps) return false;
    batch = plan_.batch(step_++, stop_);
    return true;
  }

 private:
  const Plan plan_;
  const std::atomic<bool> stop_ = false;
  int64_t step_;
};

// Workers claim steps in order, at most `prefetch` ahead of the reader, and leave each batch in the
// step's slot of a ring.
class Prefetched final : public Epoch::Source {
 public:
  Prefetched(Plan plan, int64_t first_step)
      : plan_(std::move(plan)),
        slots_(static_cast<size_t>(plan_.options.prefetch)),
        claimed_(first_step),
        taken_(first_step) {}

  ~Prefetched() override {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    room_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  // Not in the constructor, so that the threads that have started are joined when another one
  // can't.
  void start() {
    for (int i = 0; i < plan_.options.workers; ++i) threads_.emplace_back([this] { work(); });
  }

  bool next(Batch& batch) override {
    std::unique_lock lock(mutex_);
    if (taken_ == plan_.steps) return false;
    std::optional<Result>& slot = slot_of(taken_);
    ready_.wait(lock, [&] { return slot.has_value(); });
    const Result result = std::move(*slot);
    slot.reset();
    ++taken_;
    lock.unlock();
    room_.notify_one();
    if (result.error) std::rethrow_exception(result.error);
    batch = result.batch;
    return true;
  }

 private:
  struct Result {
    Batch batch;
    std::exception_ptr error;
  };

  std::optional<Result>& slot_of(int64_t step) {
    return slots_[static_cast<size_t>(step) % slots_.size()];
  }

  bool may_claim() const {
    return claimed_ < plan_.steps && claimed_ < taken_ + plan_.options.prefetch;
  }

  Result make(int64_t step) const {
    try {
      return {plan_.batch(step, stop_), nullptr};
    } catch (...) {
      return {{}, std::current_exception()};
    }
  }

  void work() {
    set_threads(1);
    std::unique_lock lock(mutex_);
    for (;;) {
      room_.wait(lock, [&] { return stop_ || claimed_ == plan_.steps || may_claim(); });
      if (stop_ || claimed_ == plan_.steps) return;
      const int64_t step = claimed_++;
      lock.unlock();
      Result result = make(step);
      lock.lock();
      slot_of(step) = std::move(result);
      ready_.notify_one();
    }
  }

  const Plan plan_;
  std::mutex mutex_;
  std::condition_variable room_, ready_;
  std::vector<std::optional<Result>> slots_;
  int64_t claimed_, taken_;
  std::atomic<bool> stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

Epoch::Epoch(std::unique_ptr<Source> source) : source_(std::move(source)) {}
Epoch::Epoch(Epoch&&) noexcept = default;
Epoch::~Epoch() = default;

Epoch::Iterator Epoch::begin() {
  check(!begun_, "loader: an epoch is read once; call epoch() again");
  begun_ = true;
  return Iterator(source_.get());
}

Epoch::Iterator& Epoch::Iterator::operator++() {
  batch_ = {};  // its memory serves the next one
  if (!source_->next(batch_)) source_ = nullptr;
  return *this;
}

Loader::Loader(AnyDataset dataset, LoaderOptions options)
    : dataset_(std::move(dataset)), options_(std::move(options)) {
  check(options_.batch >= 1, "loader: batch is ", options_.batch, ", at least 1 is needed");
  check(options_.workers >= 0, "loader: workers is ", options_.workers,
        ", at least 0 is needed; 0 makes the batches when they are asked for");
  check(options_.prefetch >= 1, "loader: prefetch is ", options_.prefetch,
        ", at least 1 batch is needed");
  check(dataset_.size() > 0, "loader: ", dataset_.info().name,
        " is empty; at least one example is needed");
  check(steps() > 0, "loader: ", dataset_.info().name, " has ", dataset_.size(),
        " examples, fewer than one batch of ", options_.batch,
        ", and drop_last leaves nothing; take a smaller batch");
}

int64_t Loader::steps() const {
  const int64_t size = dataset_.size();
  return size / options_.batch + (!options_.drop_last && size % options_.batch != 0);
}

Epoch Loader::epoch(int64_t epoch, int64_t first_step) const {
  check(epoch >= 0, "loader: epoch is ", epoch, ", at least 0 is needed");
  check(first_step >= 0 && first_step <= steps(), "loader: first_step is ", first_step,
        ", expected 0 to ", steps());
  const Rng seed(options_.seed);
  const auto number = static_cast<uint64_t>(epoch);
  Plan plan{.dataset = dataset_,
            .options = options_,
            .order = {},
            .rng = seed.split("transforms").split(number),
            .steps = steps()};
  if (options_.shuffle)
    plan.order = seed.split("shuffle").split(number).permutation(dataset_.size());
  if (options_.workers == 0) return Epoch(std::make_unique<Inline>(std::move(plan), first_step));
  auto source = std::make_unique<Prefetched>(std::move(plan), first_step);
  source->start();
  return Epoch(std::move(source));
}

}  // namespace papilio::data
