#include "papilio/data/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "papilio/data/image_set.h"
#include "papilio/tests/core/error_of.h"

namespace papilio::data {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// The least that is a Dataset: image i is one pixel of i.
struct Counting {
  int64_t count;

  int64_t size() const { return count; }
  Example get(int64_t i) const { return {Tensor::full({1, 1, 1}, static_cast<double>(i)), i % 3}; }
};
static_assert(Dataset<Counting> && !DescribedDataset<Counting> && !DirectDataset<Counting>);
static_assert(DirectDataset<ImageSet> && DirectDataset<Subset> && Dataset<AnyDataset>);

ImageSet image_set(std::vector<int64_t> labels = {1, 0}) {
  return ImageSet({.name = "small", .classes = {"a", "b"}, .input = {}}, {1, 2, 1},
                  {0, 51, 102, 255}, std::move(labels));
}

std::vector<int64_t> values(const AnyDataset& dataset) {
  std::vector<int64_t> all;
  for (int64_t i = 0; i < dataset.size(); ++i)
    all.push_back(static_cast<int64_t>(dataset.get(i).image.item()));
  return all;
}

TEST(AnyDataset, HoldsAnyDataset) {
  const AnyDataset any = Counting{4};
  const AnyDataset copy = any;
  EXPECT_THAT(values(copy), ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(copy.info().name, "data set");
  EXPECT_FALSE(copy.image_shape());
  float pixel = 0;
  EXPECT_EQ(copy.copy_to(2, &pixel), 2);
  EXPECT_EQ(pixel, 2);
}

TEST(AnyDataset, RefusesWhatIsNotThere) {
  const AnyDataset any = Counting{4};
  EXPECT_EQ(error_of([&] { any.get(4); }), "data set: there is no example 4; it has 4");
  EXPECT_EQ(error_of([&] { any.get(-1); }), "data set: there is no example -1; it has 4");
  float pixel = 0;
  EXPECT_THAT(error_of([&] { any.copy_to(4, &pixel); }), HasSubstr("no example 4"));
}

TEST(ImageSet, ScalesLevels) {
  const ImageSet set = image_set();
  EXPECT_EQ(set.size(), 2);
  EXPECT_EQ(set.get(0).image.shape(), Shape({1, 2, 1}));
  EXPECT_THAT(set.get(0).image.to_vector<float>(), ElementsAre(0.0f, 51 / 255.0f));
  EXPECT_THAT(set.get(1).image.to_vector<float>(), ElementsAre(102 / 255.0f, 1.0f));
  EXPECT_EQ(set.get(0).label, 1);
  EXPECT_EQ(set.info().input, Config::parse(R"({"height": 1, "width": 2, "channels": 1,
                                                "grayscale": true, "pad": 0})"));
}

TEST(ImageSet, TakesPixels) {
  const ImageSet set({}, Tensor::from<float>({1, 2, 3, 4, 5, 6}).view({2, 1, 1, 3}), {7, 8});
  EXPECT_THAT(set.get(1).image.to_vector<float>(), ElementsAre(4, 5, 6));
  EXPECT_EQ(set.get(1).label, 8);
  EXPECT_FALSE(set.info().input.get("grayscale", true));
}

TEST(ImageSet, RefusesWhatDoesNotFit) {
  EXPECT_EQ(error_of([] {
              image_set({1, 2});
            }),
            "small: example 1 has the label 2, there are 2 classes");
  EXPECT_THAT(error_of([] { image_set({1, -1}); }), HasSubstr("label -1"));
  EXPECT_THAT(error_of([] { image_set({1}); }),
              AllOf(HasSubstr("4 values"), HasSubstr("1 labels"), HasSubstr("need 2")));
  EXPECT_THAT(error_of([] {
                ImageSet({}, Tensor({2, 3}), {0, 0});
              }),
              HasSubstr("[count, height, width, channels]"));
  EXPECT_THAT(error_of([] { ImageSet({}, {1, 1, 1}, {}, {}); }), HasSubstr("empty"));
  EXPECT_THAT(error_of([] { ImageSet({}, {0, 1, 1}, {}, {0}); }), HasSubstr("above zero"));
  EXPECT_THAT(error_of([] { image_set().get(2); }), HasSubstr("no example 2"));
}

TEST(Subset, KeepsTheOrderGiven) {
  const AnyDataset part = Subset(Counting{10}, {7, 1, 7});
  EXPECT_THAT(values(part), ElementsAre(7, 1, 7));
  EXPECT_EQ(part.get(0).label, 1);
  EXPECT_THAT(error_of([] {
                Subset(Counting{10}, {3, 10});
              }),
              AllOf(HasSubstr("no example 10"), HasSubstr("has 10")));
}

TEST(Subset, OfImagesIsDirect) {
  const AnyDataset part = Subset(image_set(), {1});
  ASSERT_TRUE(part.image_shape());
  float pixels[2];
  EXPECT_EQ(part.copy_to(0, pixels), 0);
  EXPECT_EQ(pixels[1], 1.0f);
  EXPECT_EQ(part.info().name, "small");
  EXPECT_FALSE(AnyDataset(Subset(Counting{3}, {1})).image_shape());
}

TEST(SplitValidation, CutsExactlyAndAtRandom) {
  const auto [train, validation] = split_validation(Counting{1001}, 0.15, 5);
  EXPECT_EQ(validation.size(), 150);
  EXPECT_EQ(train.size(), 851);
  auto all = values(train);
  const auto held_out = values(validation);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
  EXPECT_TRUE(std::is_sorted(held_out.begin(), held_out.end()));
  all.insert(all.end(), held_out.begin(), held_out.end());
  std::sort(all.begin(), all.end());
  std::vector<int64_t> expected(1001);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(all, expected);
  // 150 of 1001 indices have the mean 500 and the deviation 22 when drawn at random.
  EXPECT_NEAR(std::accumulate(held_out.begin(), held_out.end(), 0.0) / 150, 500, 4 * 22);
  EXPECT_EQ(values(split_validation(Counting{1001}, 0.15, 5).second), held_out);
  EXPECT_NE(values(split_validation(Counting{1001}, 0.15, 6).second), held_out);
}

TEST(SplitValidation, Rounds) {
  EXPECT_EQ(split_validation(Counting{10}, 0.25, 1).second.size(), 3);
  EXPECT_EQ(split_validation(Counting{10}, 0.24, 1).second.size(), 2);
  EXPECT_EQ(split_validation(Counting{10}, 0, 1).second.size(), 0);
  EXPECT_THAT(error_of([] { split_validation(Counting{10}, 1, 1); }), HasSubstr("fraction is 1"));
  EXPECT_THAT(error_of([] { split_validation(Counting{10}, -0.1, 1); }), HasSubstr("-0.1"));
  EXPECT_THAT(error_of([] { split_validation(Counting{10}, 0.99, 1); }),
              HasSubstr("smaller fraction"));
}

}  // namespace
}  // namespace papilio::data
