#include "papilio/data/image_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "papilio/core/file.h"
#include "papilio/data/loader.h"
#include "papilio/data/open.h"
#include "papilio/tests/core/error_of.h"
#include "papilio/tests/data/folder_fixture.h"

namespace papilio::data {
namespace {

using namespace picture_folders;

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(Pictures, HaveTheLabelsOfTheirSortedClasses) {
  const ImageFolder set = train();
  EXPECT_EQ(set.size(), 12);
  EXPECT_THAT(set.wnids(), ElementsAre("n01", "n02", "n03"));
  EXPECT_EQ(set.info().classes, set.wnids());
  EXPECT_EQ(set.info().name, "imagenet train");
  EXPECT_EQ(set.image_shape(), Shape({8, 8, 3}));
  EXPECT_EQ(set.path(5), folder_ / "train/n02/1.jpg");
  for (int64_t i = 0; i < set.size(); ++i) {
    const Example example = set.get(i);
    EXPECT_EQ(example.label, i / 4);
    EXPECT_EQ(example.image.shape(), Shape({8, 8, 3}));
    for (const float pixel : example.image.span<float>()) ASSERT_TRUE(pixel >= 0 && pixel <= 1);
  }
  EXPECT_EQ(set.damaged(), 0);
  EXPECT_THAT(error_of([&] { AnyDataset(set).get(12); }), HasSubstr("no example 12"));
}

TEST_F(Pictures, AreNamedByClassesTsv) {
  small_sets::write(folder_ / "classes.tsv", "n01\ttench\nn03\tcrane\n");
  EXPECT_THAT(train().info().classes, ElementsAre("tench", "n02", "crane"));
  small_sets::write(folder_ / "classes.tsv", "n01\n");
  EXPECT_THAT(error(), AllOf(HasSubstr(folder_ / "classes.tsv"), HasSubstr("line 1")));
}

TEST_F(Pictures, OfTrainAndValMayBeTheSame) {
  fs::remove_all(folder_ / "val");
  fs::create_symlink("train", folder_ / "val");
  const ImageFolder val(folder_.path(), Split::test, kSmall);
  EXPECT_EQ(val.info().name, "imagenet test");
  for (int64_t i = 0; i < val.size(); ++i)
    EXPECT_EQ(pixels_of(val.get(i)), pixels_of(train().get(i)));
}

TEST_F(Pictures, OfValHaveTrainsLabelsThoughItLacksClasses) {
  fs::remove_all(folder_ / "val/n01");
  testing::internal::CaptureStderr();
  const ImageFolder val(folder_.path(), Split::test, kSmall);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("of 2 of the 3 classes"));
  EXPECT_EQ(val.get(0).label, 1);
  EXPECT_EQ(val.wnids().size(), 3u);
}

TEST_F(Pictures, AFolderWithoutTheLayoutIsAnErrorWithARemedy) {
  const Folder empty;
  EXPECT_THAT(error_of([&] { ImageFolder(empty / "none", Split::train); }),
              AllOf(HasSubstr("there is no folder '" + empty / "none"), HasSubstr("DIR/train/")));
  EXPECT_THAT(error_of([&] { ImageFolder(empty.path(), Split::train); }),
              AllOf(HasSubstr("has no folder train"), HasSubstr("DIR/train/")));
  EXPECT_THAT(error_of([&] { ImageFolder(folder_ / "train", Split::train); }),
              HasSubstr("give the folder above it"));
  add(empty / "train", "a.JPEG", "x");
  EXPECT_THAT(error_of([&] { ImageFolder(empty.path(), Split::train); }),
              AllOf(HasSubstr(empty / "train"), HasSubstr("has no class folders")));

  fs::create_directory(folder_ / "val/n09");
  EXPECT_THAT(error(Split::test), AllOf(HasSubstr(folder_ / "val/n09"), HasSubstr("no pictures")));
  add(folder_ / "val/n09", "a.JPEG", "x");
  EXPECT_THAT(error(Split::test), AllOf(HasSubstr("class n09"), HasSubstr("train has not")));
  fs::remove_all(folder_ / "val");
  EXPECT_THAT(error(Split::test),
              AllOf(HasSubstr("no folder val"), HasSubstr("link val to train")));
  fs::create_directory(folder_ / "train/n00");
  EXPECT_THAT(error(), AllOf(HasSubstr(folder_ / "train/n00"), HasSubstr("no pictures")));
}

TEST_F(Pictures, OptionsAreChecked) {
  EXPECT_THAT(error(Split::train, {.augment = "cutout"}),
              AllOf(HasSubstr("cutout"), HasSubstr("imagenet, pad-crop, none")));
  EXPECT_EQ(train({.augment = "none"}).info().input.at("resize").as_int(), 8);
  EXPECT_EQ(train().info().input.at("resize").as_int(), 9);
}

TEST_F(Pictures, AreReadAloneAsInTheSet) {
  for (const char* input : {R"({"height": 8})", R"({"height": 6, "width": 10, "resize": 14})",
                            R"({"height": 8, "channels": 1})", R"({"height": 8, "exif": true})"})
    for (const int64_t cache : {int64_t{0}, int64_t{1} << 20}) {
      const ImageFolder set = train({.cache_bytes = cache}, Config::parse(input));
      for (int64_t i = 0; i < 4; ++i) {
        const Tensor alone = read_picture(set.path(i), set.info().input);
        EXPECT_EQ(alone.shape(), set.image_shape());
        EXPECT_EQ(pixels_of(set.get(i)), pixels_of({alone, 0})) << input << i;
      }
    }
  EXPECT_THAT(error_of([&] { read_picture(folder_ / "none.jpg", kSmall); }),
              HasSubstr(folder_ / "none.jpg"));
}

TEST_F(Pictures, OpenByName) {
  const AnyDataset set = open("imagenet:" + folder_.path(), Split::train, kSmall);
  EXPECT_EQ(set.size(), 12);
  EXPECT_EQ(set.image_shape(), Shape({8, 8, 3}));
  const AnyDataset again = open("imagenet:" + folder_.path(), Split::test, set.info().input);
  EXPECT_EQ(again.info().input, set.info().input);
  EXPECT_EQ(open("imagenet:" + folder_.path(), Split::train, {}, {.augment = "none"}).image_shape(),
            Shape({224, 224, 3}));
  EXPECT_THAT(error_of([] { open("imagenet:", Split::train); }), HasSubstr("imagenet:DIR"));
}

// ---- Randomness

TEST_F(Pictures, TheSameEpochForAnyNumberOfWorkersFromAnyStep) {
  for (const char* augment : {"imagenet", "pad-crop", "none"}) {
    for (const int64_t cache : {int64_t{0}, int64_t{1} << 30}) {
      const auto set = [&] {
        return train({.augment = augment,
                      .brightness = 0.3,
                      .contrast = 0.2,
                      .saturation = 0.1,
                      .cache_bytes = cache});
      };
      const ImageFolder used = set();
      const Read first = read(used, 0, 0), second = read(used, 3, 1);
      EXPECT_NE(first.pixels, second.pixels);
      EXPECT_EQ(read(used, 0, 1), second);
      EXPECT_EQ(read(set(), 2, 1), second) << "what was read before must not matter";
      const Read rest = read(set(), 2, 1, 2);
      EXPECT_TRUE(std::equal(rest.pixels.begin(), rest.pixels.end(),
                             second.pixels.end() - static_cast<int64_t>(rest.pixels.size())));
    }
  }
}

TEST_F(Pictures, AreDrawnAtRandomOnlyWhenTheLoaderIsToldTo) {
  const AnyDataset set = train();
  EXPECT_EQ(read(set, 0, 1, 0, false), read(train({.augment = "none"}, set.info().input), 0, 1));
  std::vector<float> a(8 * 8 * 3), b(a), plain(a);
  EXPECT_EQ(set.draw(0, Rng(1), a.data()), 0);
  set.draw(0, Rng(2), b.data());
  set.copy_to(0, plain.data());
  EXPECT_NE(a, b);
  EXPECT_NE(a, plain);
  const AnyDataset half = Subset(set, {0, 7});
  EXPECT_EQ(half.draw(1, Rng(1), b.data()), 1);
  EXPECT_EQ(set.draw(7, Rng(1), a.data()), 1);
  EXPECT_EQ(a, b);
}

TEST_F(Pictures, TransformsComeAfterTheAugmentation) {
  const auto first = [&](std::vector<Transform> transforms) {
    const Loader loader(train(),
                        {.batch = 12, .augment = true, .transforms = std::move(transforms)});
    return loader.epoch(0).begin()->images;
  };
  const Tensor drawn = first({}), halved = first({scale(0.5)});
  for (int64_t i = 0; i < drawn.numel(); ++i)
    ASSERT_EQ(halved.data<float>()[i], drawn.data<float>()[i] / 2);
}

TEST_F(Pictures, APadCropIsThePlainImageMoved) {
  const ImageFolder set = train({.augment = "pad-crop"});
  std::vector<float> plain(8 * 8 * 3), moved(plain);
  set.copy_to(0, plain.data());
  bool seen[2] = {};
  for (uint64_t seed = 0; seed < 40; ++seed) {
    set.draw(0, Rng(seed), moved.data());
    bool found = false;
    for (int down = -1; down <= 1; ++down)
      for (int right = -1; right <= 1; ++right)
        for (const bool flip : {false, true}) {
          bool same = true;
          for (int y = 0; y < 8; ++y)
            for (int x = 0; x < 8; ++x) {
              const int from_y = y - down, from_x = (flip ? 7 - x : x) - right;
              const bool inside = from_y >= 0 && from_y < 8 && from_x >= 0 && from_x < 8;
              for (int c = 0; c < 3; ++c)
                same &= moved[static_cast<size_t>(24 * y + 3 * x + c)] ==
                        (inside ? plain[static_cast<size_t>(24 * from_y + 3 * from_x + c)] : 0.0f);
            }
          if (same) found = seen[flip] = true;
        }
    ASSERT_TRUE(found) << seed;
  }
  EXPECT_TRUE(seen[0] && seen[1]);
}

// ---- Statistics and real pictures

TEST(ImagenetStatistics, AreTheUsualOnes) {
  const Statistics statistics = imagenet_statistics(kSmall);
  EXPECT_EQ(statistics.input, kSmall);
  EXPECT_THAT(statistics.mean.span<float>(), ElementsAre(0.485f, 0.456f, 0.406f));
  EXPECT_THAT(statistics.deviation.span<float>(), ElementsAre(0.229f, 0.224f, 0.225f));
}

TEST(RealPictures, OfImagenetAreAllRead) {
  const char* data = std::getenv("PAPILIO_DATA");
  if (!data || !fs::exists(std::string(data) + "/imagenet-samples/val"))
    GTEST_SKIP() << "PAPILIO_DATA names no folder with imagenet-samples";
  const std::string samples = std::string(data) + "/imagenet-samples";
  const Folder folder;
  for (const char* part : {"train", "val"})
    fs::create_directory_symlink(fs::canonical(samples) / "val", folder / part);
  fs::create_symlink(fs::canonical(samples) / "classes.tsv", folder / "classes.tsv");
  const ImageFolder set(folder.path(), Split::train, Config::object(),
                        {.strict = true, .index = folder / "index"});
  ASSERT_EQ(set.size(), 400);
  EXPECT_EQ(set.info().classes[0], "tench");
  EXPECT_TRUE(fs::exists(folder / "index.train"));
  const Loader loader(set, {.batch = 50, .shuffle = true, .workers = 2, .augment = true});
  std::vector<int64_t> labels;
  for (const Batch& batch : loader.epoch(0)) {
    EXPECT_EQ(batch.images.shape(), Shape({50, 224, 224, 3}));
    for (const int64_t label : batch.labels.span<int64_t>()) labels.push_back(label);
  }
  std::sort(labels.begin(), labels.end());
  for (size_t i = 0; i < 400; ++i) ASSERT_EQ(labels[i], static_cast<int64_t>(i));
  // About what is known of ImageNet's photographs.
  const Statistics channels =
      channel_statistics(Subset(set, {0, 50, 100, 150, 200, 250, 300, 350}));
  for (const float mean : channels.mean.span<float>()) EXPECT_NEAR(mean, 0.45, 0.12);
}

}  // namespace
}  // namespace papilio::data
