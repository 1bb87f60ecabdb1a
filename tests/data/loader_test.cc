#include "papilio/data/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <numeric>
#include <set>
#include <thread>

#include "papilio/core/threads.h"
#include "papilio/data/image_set.h"
#include "papilio/tests/core/error_of.h"

namespace papilio::data {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using Labels = std::vector<int64_t>;

constexpr int64_t kCount = 53;

// Image i has the label i and pixels that depend on i.
ImageSet images(int64_t count = kCount) {
  std::vector<uint8_t> levels;
  Labels labels;
  for (int64_t i = 0; i < count; ++i) {
    labels.push_back(i);
    for (int64_t k = 0; k < 4 * 4 * 3; ++k) levels.push_back(static_cast<uint8_t>(11 * i + k));
  }
  return ImageSet({}, {4, 4, 3}, std::move(levels), std::move(labels));
}

// Reads through get(), counts the reads, and fails where it is told to.
struct Watched {
  std::shared_ptr<std::atomic<int64_t>> reads = std::make_shared<std::atomic<int64_t>>(0);
  int64_t count = kCount;
  int64_t bad = -1;
  std::chrono::microseconds delay{0};

  int64_t size() const { return count; }
  Example get(int64_t i) const {
    ++*reads;
    std::this_thread::sleep_for(delay);
    check(i != bad, "the picture is torn");
    return {Tensor::full({2, 2, 1}, static_cast<double>(i)), i};
  }
};

struct Read {
  Labels labels;
  std::vector<float> pixels;
  std::vector<int64_t> sizes;

  bool operator==(const Read&) const = default;
};

Read read(const Loader& loader, int64_t epoch, int64_t first_step = 0) {
  Read all;
  for (const auto& [pixels, labels] : loader.epoch(epoch, first_step)) {
    EXPECT_EQ(pixels.dim(0), labels.dim(0));
    all.sizes.push_back(labels.numel());
    for (const int64_t label : labels.span<int64_t>()) all.labels.push_back(label);
    for (const float pixel : pixels.span<float>()) all.pixels.push_back(pixel);
  }
  return all;
}

Labels counted(int64_t from, int64_t to) {
  Labels all(static_cast<size_t>(to - from));
  std::iota(all.begin(), all.end(), from);
  return all;
}

TEST(Loader, GivesEveryExampleInOrder) {
  const Loader loader(images(), {.batch = 10});
  EXPECT_EQ(loader.steps(), 6);
  const Read all = read(loader, 0);
  EXPECT_EQ(all.labels, counted(0, kCount));
  EXPECT_THAT(all.sizes, ElementsAre(10, 10, 10, 10, 10, 3));
  const auto set = images();
  for (int64_t i = 0; i < kCount; ++i) {
    const auto expected = set.get(i).image.to_vector<float>();
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), all.pixels.begin() + i * 48)) << i;
  }
  for (const auto& batch : loader.epoch(0)) {
    EXPECT_EQ(batch.images.shape(), Shape({10, 4, 4, 3}));
    EXPECT_EQ(batch.labels.dtype(), DType::i64);
    break;
  }
}

TEST(Loader, DropsAPartBatchWhenAsked) {
  const Loader loader(images(), {.batch = 10, .drop_last = true});
  EXPECT_EQ(loader.steps(), 5);
  EXPECT_EQ(read(loader, 0).labels, counted(0, 50));
  EXPECT_EQ(Loader(images(50), {.batch = 10}).steps(), 5);
  EXPECT_EQ(Loader(images(), {.batch = 100}).steps(), 1);
}

TEST(Loader, ShufflesByEpochAndSeed) {
  const Loader loader(images(), {.batch = 10, .shuffle = true, .seed = 1});
  std::set<Labels> orders;
  for (int64_t epoch = 0; epoch < 4; ++epoch) {
    Labels labels = read(loader, epoch).labels;
    EXPECT_EQ(read(loader, epoch).labels, labels);
    orders.insert(labels);
    std::sort(labels.begin(), labels.end());
    EXPECT_EQ(labels, counted(0, kCount));
  }
  orders.insert(read(Loader(images(), {.batch = 10, .shuffle = true, .seed = 2}), 0).labels);
  EXPECT_EQ(orders.size(), 5u);
  // The batch size does not enter the order.
  EXPECT_EQ(read(Loader(images(), {.batch = 7, .shuffle = true, .seed = 1}), 3).labels,
            read(loader, 3).labels);
}

LoaderOptions augmented(int workers) {
  return {.batch = 7,
          .shuffle = true,
          .seed = 5,
          .workers = workers,
          .prefetch = 3,
          .transforms = {random_crop(2), random_flip(), scale(0.5)}};
}

TEST(Loader, SameBytesForAnyNumberOfWorkers) {
  for (const bool transformed : {false, true}) {
    const auto all = [&](int workers, int64_t prefetch) {
      LoaderOptions options = augmented(workers);
      options.prefetch = prefetch;
      if (!transformed) options.transforms.clear();
      return read(Loader(images(), options), 2);
    };
    const Read inline_ = all(0, 4);
    EXPECT_EQ(inline_.labels.size(), static_cast<size_t>(kCount));
    for (int workers = 1; workers <= 4; ++workers)
      for (const int64_t prefetch : {1, 2, 5, 100})
        EXPECT_EQ(all(workers, prefetch), inline_) << workers << " workers, prefetch " << prefetch;
  }
}

TEST(Loader, TransformsDependOnEpochAndExampleOnly) {
  LoaderOptions ordered = augmented(0);
  ordered.shuffle = false;
  const Read by_order = read(Loader(images(), ordered), 2);
  const Read shuffled = read(Loader(images(), augmented(2)), 2);
  for (size_t place = 0; place < shuffled.labels.size(); ++place) {
    const auto index = static_cast<std::ptrdiff_t>(shuffled.labels[place]);
    EXPECT_TRUE(std::equal(by_order.pixels.begin() + 48 * index,
                           by_order.pixels.begin() + 48 * (index + 1),
                           shuffled.pixels.begin() + 48 * static_cast<std::ptrdiff_t>(place)))
        << index;
  }
  EXPECT_NE(read(Loader(images(), ordered), 3).pixels, by_order.pixels);
}

TEST(Loader, TransformsOfOneKindDiffer) {
  // Two crops with the same key would move the image twice the same way.
  std::vector<uint64_t> keys;
  const Transform note = [&](Example example, Rng rng) {
    keys.push_back(rng.key());
    return example;
  };
  read(Loader(images(2), {.batch = 2, .transforms = {note, note}}), 0);
  EXPECT_EQ(std::set<uint64_t>(keys.begin(), keys.end()).size(), 4u);
}

TEST(Loader, ContinuesFromAStep) {
  for (const int workers : {0, 2}) {
    const Loader loader(images(), augmented(workers));
    const Read whole = read(loader, 1);
    for (int64_t step = 0; step <= loader.steps(); ++step) {
      const Read rest = read(loader, 1, step);
      const size_t skipped = std::min<size_t>(static_cast<size_t>(7 * step), kCount);
      EXPECT_EQ(rest.labels, Labels(whole.labels.begin() + static_cast<std::ptrdiff_t>(skipped),
                                    whole.labels.end()));
      EXPECT_TRUE(std::equal(rest.pixels.begin(), rest.pixels.end(),
                             whole.pixels.begin() + static_cast<std::ptrdiff_t>(48 * skipped),
                             whole.pixels.end()));
    }
  }
}

TEST(Loader, DoesNotReadWhatIsSkipped) {
  for (const int workers : {0, 2}) {
    const Watched watched;
    const Loader loader(watched, {.batch = 10, .workers = workers});
    EXPECT_EQ(*watched.reads, 0);
    EXPECT_EQ(read(loader, 0, 4).labels, counted(40, kCount));
    EXPECT_EQ(*watched.reads, 13);
  }
}

TEST(Loader, IsBoundedByPrefetch) {
  const Watched watched;
  const Loader loader(watched, {.batch = 2, .workers = 2, .prefetch = 3});
  auto epoch = loader.epoch(0);
  auto batch = epoch.begin();
  // The batch in hand and three more: 8 examples, however long the reader takes.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (*watched.reads < 8 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(*watched.reads, 8);
  EXPECT_THAT(batch->labels.to_vector<int64_t>(), ElementsAre(0, 1));
}

TEST(Loader, AnEpochLeftHalfWayStopsItsWorkers) {
  const Watched slow{.count = 100000, .delay = std::chrono::milliseconds(2)};
  const Loader loader(slow, {.batch = 10000, .workers = 2});
  const auto start = std::chrono::steady_clock::now();
  { const Epoch epoch = loader.epoch(0); }
  // A batch takes 20 s; the workers look up after every example.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  EXPECT_LT(*slow.reads, 10000);
  const int64_t before = *slow.reads;
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(*slow.reads, before);
}

TEST(Loader, FailuresArriveInTheirPlace) {
  for (const int workers : {0, 1, 3}) {
    const Loader loader(Watched{.bad = 25}, {.batch = 10, .workers = workers});
    int64_t seen = 0;
    const std::string message = error_of([&] {
      for (const auto& [pixels, labels] : loader.epoch(0)) seen += labels.numel();
    });
    EXPECT_EQ(message, "loader: example 25 of data set: the picture is torn") << workers;
    EXPECT_EQ(seen, 20);
  }
}

TEST(Loader, NamesTheExampleThatDoesNotFit) {
  struct Uneven {
    int64_t size() const { return 4; }
    Example get(int64_t i) const {
      return {i < 3 ? Tensor::zeros({2, 2, 1}) : Tensor::zeros({2, 3, 1}), 0};
    }
  };
  EXPECT_EQ(error_of([] { read(Loader(Uneven{}, {.batch = 4}), 0); }),
            "loader: example 3 of data set: its image is [2, 3, 1], the batch began with "
            "[2, 2, 1]; bring them to one size with a transform");
  const Transform flatten = [](Example example, Rng) {
    return Example{example.image.view({example.image.numel()}), 0};
  };
  EXPECT_THAT(error_of([&] { read(Loader(images(), {.transforms = {flatten}}), 0); }),
              HasSubstr("[height, width, channels] is needed"));
}

TEST(Loader, WorkersUseOneThreadEach) {
  std::atomic<int> most = 0;
  const Transform note = [&](Example example, Rng) {
    most = std::max(most.load(), threads());
    return example;
  };
  const int before = threads();
  read(Loader(images(), {.batch = 10, .workers = 1, .transforms = {note}}), 0);
  EXPECT_EQ(most, 1);
  EXPECT_EQ(threads(), before);
}

TEST(Loader, BatchesStayAsTheyAre) {
  const Loader loader(images(), {.batch = 10, .workers = 2});
  std::vector<Batch> kept;
  for (const Batch& batch : loader.epoch(0)) kept.push_back(batch);
  for (size_t i = 0; i < kept.size(); ++i)
    EXPECT_EQ(kept[i].labels.data<int64_t>()[0], static_cast<int64_t>(10 * i));
}

TEST(Loader, OutlivedByItsEpoch) {
  auto loader = std::make_unique<Loader>(images(), LoaderOptions{.batch = 10, .workers = 1});
  Epoch epoch = loader->epoch(0);
  loader.reset();
  int64_t seen = 0;
  for (const auto& batch : epoch) seen += batch.labels.numel();
  EXPECT_EQ(seen, kCount);
  EXPECT_THAT(error_of([&] { epoch.begin(); }), HasSubstr("read once"));
}

TEST(Loader, RefusesWhatMakesNoSense) {
  const auto error = [](const LoaderOptions& options) {
    return error_of([&] { Loader(images(), options); });
  };
  EXPECT_EQ(error({.batch = 0}), "loader: batch is 0, at least 1 is needed");
  EXPECT_THAT(error({.batch = -1}), HasSubstr("batch is -1"));
  EXPECT_THAT(error({.workers = -1}), HasSubstr("workers is -1"));
  EXPECT_THAT(error({.prefetch = 0}), HasSubstr("prefetch is 0"));
  EXPECT_THAT(error({.batch = 54, .drop_last = true}),
              AllOf(HasSubstr("53 examples"), HasSubstr("take a smaller batch")));
  EXPECT_THAT(error_of([] { Loader(Subset(images(), {}), {}); }), HasSubstr("is empty"));
  const Loader loader(images(), {.batch = 10});
  EXPECT_THAT(error_of([&] { loader.epoch(-1); }), HasSubstr("epoch is -1"));
  EXPECT_THAT(error_of([&] { loader.epoch(0, 7); }), HasSubstr("first_step is 7, expected 0 to 6"));
  EXPECT_THAT(error_of([&] { loader.epoch(0, -1); }), HasSubstr("first_step is -1"));
}

}  // namespace
}  // namespace papilio::data
