#include "papilio/data/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "papilio/core/random.h"
#include "papilio/core/threads.h"
#include "papilio/data/image_set.h"
#include "papilio/tests/core/error_of.h"

namespace papilio::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr int64_t kCount = 37, kPlaces = 6, kChannels = 3, kFeatures = kPlaces * kChannels;

ImageSet random_set() {
  return ImageSet({}, rand_uniform({kCount, 2, kPlaces / 2, kChannels}, 0.9, 1, Rng(3)),
                  std::vector<int64_t>(kCount));
}

struct Moments {
  double mean, deviation;
};

// The textbook formula in two passes over those values whose feature satisfies `chosen`.
template <class Chosen>
Moments two_passes(const ImageSet& set, Chosen chosen) {
  std::vector<double> x;
  for (int64_t i = 0; i < set.size(); ++i) {
    const Example example = set.get(i);
    for (int64_t k = 0; k < kFeatures; ++k)
      if (chosen(k)) x.push_back(example.image.data<float>()[k]);
  }
  double sum = 0, square = 0;
  for (const double value : x) sum += value;
  const double n = static_cast<double>(x.size()), mean = sum / n;
  for (const double value : x) square += (value - mean) * (value - mean);
  return {mean, std::sqrt(square / n)};
}

// Hides that the images can be copied in place.
struct Plain {
  ImageSet set;
  int64_t size() const { return set.size(); }
  Example get(int64_t i) const { return set.get(i); }
};

TEST(Statistics, PerFeature) {
  const ImageSet set = random_set();
  const Statistics found = statistics(set);
  ASSERT_EQ(found.mean.shape(), Shape({kFeatures}));
  ASSERT_EQ(found.deviation.shape(), Shape({kFeatures}));
  EXPECT_EQ(found.input, set.info().input);
  for (int64_t f = 0; f < kFeatures; ++f) {
    const Moments expected = two_passes(set, [&](int64_t k) { return k == f; });
    EXPECT_FLOAT_EQ(found.mean.data<float>()[f], static_cast<float>(expected.mean));
    EXPECT_FLOAT_EQ(found.deviation.data<float>()[f], static_cast<float>(expected.deviation));
  }
}

TEST(Statistics, PerChannel) {
  const ImageSet set = random_set();
  const Statistics found = channel_statistics(set);
  ASSERT_EQ(found.mean.shape(), Shape({kChannels}));
  for (int64_t c = 0; c < kChannels; ++c) {
    const Moments expected = two_passes(set, [&](int64_t k) { return k % kChannels == c; });
    EXPECT_FLOAT_EQ(found.mean.data<float>()[c], static_cast<float>(expected.mean));
    EXPECT_FLOAT_EQ(found.deviation.data<float>()[c], static_cast<float>(expected.deviation));
  }
}

TEST(Statistics, ConstantsHaveDeviationOne) {
  const ImageSet set({}, Tensor::full({9, 2, 2, 2}, 0.1), std::vector<int64_t>(9));
  for (const Statistics& found : {statistics(set), channel_statistics(set)}) {
    EXPECT_THAT(found.mean.to_vector<float>(), testing::Each(0.1f));
    EXPECT_THAT(found.deviation.to_vector<float>(), testing::Each(1.0f));
  }
}

TEST(Statistics, SameBitsForAnyThreadsAndAnyWayToRead) {
  const int before = threads();
  set_threads(1);
  const auto one = statistics(random_set()).deviation.to_vector<float>();
  set_threads(3);
  EXPECT_EQ(statistics(random_set()).deviation.to_vector<float>(), one);
  set_threads(before);
  EXPECT_EQ(statistics(Plain{random_set()}).deviation.to_vector<float>(), one);
}

TEST(Statistics, OfABigSetAFewEvenlySpacedExamplesWillDo) {
  const ImageSet set = random_set();
  const AnyDataset some = Subset(set, {0, 9, 18, 27});  // 37 * i / 4
  const Statistics expected = statistics(some), found = statistics(set, 4);
  for (int64_t k = 0; k < kFeatures; ++k) {
    EXPECT_EQ(found.mean.data<float>()[k], expected.mean.data<float>()[k]);
    EXPECT_EQ(found.deviation.data<float>()[k], expected.deviation.data<float>()[k]);
  }
  EXPECT_EQ(channel_statistics(set, 4).mean.data<float>()[0],
            channel_statistics(some).mean.data<float>()[0]);
  EXPECT_THAT(error_of([&] { statistics(set, 0); }), HasSubstr("at most 0 examples"));
}

TEST(Statistics, RefusesWhatHasNone) {
  struct Uneven {
    int64_t size() const { return 3; }
    Example get(int64_t i) const { return {Tensor::zeros({1, 1 + i / 2, 1}), 0}; }
  };
  EXPECT_EQ(error_of([] { statistics(Uneven{}); }),
            "statistics: image 2 of data set is [1, 2, 1], the first is [1, 1, 1]; they must have "
            "one shape");
  EXPECT_THAT(error_of([] { statistics(Subset(random_set(), {})); }), HasSubstr("empty"));
}

}  // namespace
}  // namespace papilio::data
