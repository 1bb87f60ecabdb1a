#include "papilio/data/transforms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "papilio/tests/core/error_of.h"

namespace papilio::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// 2 x 3 pixels of 2 channels; pixel p has the channels p and -p.
Example example() {
  return {Tensor::from<float>({1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6}).view({2, 3, 2}), 7};
}

std::vector<float> first_channel(const Example& e) {
  std::vector<float> all;
  const auto pixels = e.image.span<float>();
  for (size_t k = 0; k < pixels.size(); k += 2) {
    EXPECT_EQ(pixels[k + 1], -pixels[k]);
    all.push_back(pixels[k]);
  }
  return all;
}

TEST(Pad, PutsZerosAround) {
  const Example padded = pad(1)(example(), Rng(1));
  EXPECT_EQ(padded.image.shape(), Shape({4, 5, 2}));
  EXPECT_EQ(padded.label, 7);
  EXPECT_THAT(first_channel(padded),
              ElementsAre(0, 0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 4, 5, 6, 0, 0, 0, 0, 0, 0));
  EXPECT_EQ(first_channel(pad(0)(example(), Rng(1))), first_channel(example()));
}

TEST(RandomCrop, IsAWindowOfThePaddedImage) {
  std::set<std::vector<float>> expected, found;
  const auto padded = first_channel(pad(1)(example(), Rng(1)));
  for (size_t top = 0; top < 3; ++top)
    for (size_t left = 0; left < 3; ++left) {
      std::vector<float> window;
      for (size_t y = 0; y < 2; ++y)
        for (size_t x = 0; x < 3; ++x) window.push_back(padded[(top + y) * 5 + left + x]);
      expected.insert(window);
    }
  const Transform crop = random_crop(1);
  for (uint64_t key = 0; key < 200; ++key) {
    const Example cropped = crop(example(), Rng(key));
    EXPECT_EQ(cropped.image.shape(), Shape({2, 3, 2}));
    EXPECT_EQ(cropped.label, 7);
    found.insert(first_channel(cropped));
    EXPECT_EQ(first_channel(crop(example(), Rng(key))), first_channel(cropped));
  }
  EXPECT_EQ(found, expected);
}

TEST(RandomCrop, MayMissTheImage) {
  for (uint64_t key = 0; key < 50; ++key)
    EXPECT_EQ(random_crop(9)(example(), Rng(key)).image.shape(), Shape({2, 3, 2}));
  EXPECT_EQ(first_channel(random_crop(0)(example(), Rng(1))), first_channel(example()));
}

TEST(RandomFlip, FlipsHalfOfThem) {
  int flipped = 0;
  for (uint64_t key = 0; key < 400; ++key) {
    const auto pixels = first_channel(random_flip()(example(), Rng(key)));
    if (pixels[0] == 3) {
      ++flipped;
      EXPECT_THAT(pixels, ElementsAre(3, 2, 1, 6, 5, 4));
    } else {
      EXPECT_THAT(pixels, ElementsAre(1, 2, 3, 4, 5, 6));
    }
  }
  EXPECT_NEAR(flipped, 200, 40);  // four deviations
}

TEST(Scale, Multiplies) {
  EXPECT_THAT(first_channel(scale(0.5)(example(), Rng(1))), ElementsAre(.5, 1, 1.5, 2, 2.5, 3));
}

TEST(Normalise, PerChannelAndPerFeature) {
  const Transform channels = normalise({Tensor::from<float>({1, 2}), Tensor::from<float>({2, 4})});
  EXPECT_THAT(channels(example(), Rng(1)).image.to_vector<float>(),
              ElementsAre(0, -.75, .5, -1, 1, -1.25, 1.5, -1.5, 2, -1.75, 2.5, -2));
  const Tensor mean = example().image.view({12});
  const Transform features = normalise({mean, Tensor::full({12}, 3)});
  EXPECT_THAT(features(example(), Rng(1)).image.to_vector<float>(), testing::Each(0.0f));
}

TEST(Transforms, LeaveTheImageGivenAsItWas) {
  const Statistics statistics{Tensor::from<float>({1, 2}), Tensor::from<float>({2, 4})};
  for (const Transform& transform :
       {random_crop(2), random_flip(), pad(1), scale(2), normalise(statistics)})
    for (uint64_t key = 0; key < 4; ++key) {
      const Example given = example();
      transform(given, Rng(key));
      EXPECT_EQ(given.image.to_vector<float>(), example().image.to_vector<float>());
    }
}

TEST(Transforms, RefuseWhatTheyCanNotDo) {
  EXPECT_THAT(error_of([] { random_crop(-1); }), HasSubstr("padding is -1"));
  EXPECT_THAT(error_of([] { pad(-2); }), HasSubstr("-2 zeros"));
  EXPECT_THAT(error_of([] { normalise({Tensor({2}), Tensor({3})}); }), HasSubstr("one shape"));
  const Transform five = normalise({Tensor::zeros({5}), Tensor::full({5}, 1)});
  EXPECT_THAT(error_of([&] { five(example(), Rng(1)); }), HasSubstr("have 5 numbers"));
  const Example flat{Tensor::zeros({6}), 0};
  for (const Transform& transform : {random_crop(1), random_flip(), pad(1), five})
    EXPECT_THAT(error_of([&] { transform(flat, Rng(1)); }), HasSubstr("[height, width, channels]"));
}

}  // namespace
}  // namespace papilio::data
