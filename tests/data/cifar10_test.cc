#include "papilio/data/cifar10.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "papilio/data/statistics.h"
#include "papilio/tests/core/error_of.h"
#include "papilio/tests/data/small_sets.h"

namespace papilio::data {
namespace {

using namespace small_sets;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string error_of_train(const Folder& folder) {
  return error_of([&] { cifar10(folder.path(), Split::train); });
}

TEST(Cifar10, ReadsColourChannelsLast) {
  const Folder folder;
  write_cifar10(folder.path(), 3);
  const ImageSet train = cifar10(folder.path(), Split::train);
  ASSERT_EQ(train.size(), 15);
  EXPECT_EQ(train.image_shape(), Shape({32, 32, 3}));
  EXPECT_EQ(train.info().name, "cifar10 train");
  EXPECT_EQ(train.info().classes[9], "truck");
  for (int64_t i = 0; i < 15; ++i) {
    const Example example = train.get(i);
    EXPECT_EQ(example.label, (i / 3 + i % 3) % 10);
    const float* pixels = example.image.data<float>();
    for (int64_t k = 0; k < 3072; ++k)
      ASSERT_EQ(pixels[k], static_cast<float>(level(i / 3, i % 3, k % 3 * 1024 + k / 3)) / 255.0f)
          << i << " " << k;
  }
  EXPECT_EQ(cifar10(folder.path(), Split::test).get(1).label, 6);
}

TEST(Cifar10, GrayscaleIsThePlainMean) {
  const Folder folder;
  write_cifar10(folder.path(), 2);
  const ImageSet test = cifar10(folder.path(), Split::test, {.grayscale = true});
  ASSERT_EQ(test.size(), 2);
  EXPECT_EQ(test.image_shape(), Shape({32, 32, 1}));
  EXPECT_TRUE(test.info().input.at("grayscale").as_bool());
  const Example example = test.get(1);
  for (int64_t k = 0; k < 1024; ++k) {
    const int sum = level(5, 1, k) + level(5, 1, 1024 + k) + level(5, 1, 2048 + k);
    ASSERT_FLOAT_EQ(example.image.data<float>()[k], static_cast<float>(sum / 765.0)) << k;
  }
}

TEST(Cifar10, TakesClassNamesFromTheFolder) {
  const Folder folder;
  write_cifar10(folder.path(), 1);
  write(folder / "batches.meta.txt", "a\nb\r\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
  EXPECT_THAT(cifar10(folder.path(), Split::test).info().classes,
              ElementsAre("a", "b", "c", "d", "e", "f", "g", "h", "i", "j"));
  write(folder / "batches.meta.txt", "a\nb\n");
  EXPECT_THAT(error_of([&] { cifar10(folder.path(), Split::test); }),
              AllOf(HasSubstr("batches.meta.txt"), HasSubstr("2 class names, expected 10"),
                    HasSubstr("remove it")));
}

TEST(Cifar10, NamesWhatIsMissing) {
  EXPECT_THAT(error_of([] { cifar10("/nowhere/cifar", Split::train); }),
              AllOf(HasSubstr("no directory /nowhere/cifar"), HasSubstr("cifar-10-batches-bin")));
  const Folder folder;
  write_cifar10(folder.path(), 1);
  std::filesystem::remove(folder / "data_batch_4.bin");
  EXPECT_THAT(error_of_train(folder), HasSubstr("no file " + (folder / "data_batch_4.bin")));
  EXPECT_EQ(cifar10(folder.path(), Split::test).size(), 1);
}

TEST(Cifar10, RefusesDamagedFiles) {
  const Folder folder;
  write_cifar10(folder.path(), 2);
  const std::string file = folder / "data_batch_2.bin";
  const std::string good = cifar_record(1, 0) + cifar_record(1, 1);

  write(file, good.substr(0, good.size() - 1));
  EXPECT_THAT(error_of_train(folder),
              AllOf(HasSubstr(file), HasSubstr("6145 bytes"), HasSubstr("records of 3073")));
  write(file, good + "x");
  EXPECT_THAT(error_of_train(folder), HasSubstr("6147 bytes"));
  write(file, "");
  EXPECT_THAT(error_of_train(folder), HasSubstr("0 bytes"));
  write(file, cifar_record(1, 0));
  EXPECT_THAT(error_of_train(folder), AllOf(HasSubstr(file), HasSubstr("1 records"),
                                            HasSubstr("has 2"), HasSubstr("equally many")));
  std::string wrong = good;
  wrong[3073] = 10;
  write(file, wrong);
  EXPECT_THAT(error_of_train(folder),
              AllOf(HasSubstr(file), HasSubstr("record 1 has the label 10")));
  write(file, good);
  EXPECT_EQ(cifar10(folder.path(), Split::train).size(), 10);
}

TEST(Cifar10, RefusesMoreThanTenThousandRecords) {
  const std::string bytes(static_cast<size_t>(10001) * 3073, '\1');
  const auto all = std::as_bytes(std::span(bytes));
  EXPECT_THAT(error_of([&] { parse_cifar10(all, "big.bin"); }),
              AllOf(HasSubstr("big.bin"), HasSubstr("1 to 10000 records")));
  EXPECT_EQ(parse_cifar10(all.first(2 * 3073), "small.bin").size(), 2);
}

// The published figures of the real set.
TEST(Cifar10, RealSet) {
  const char* data = std::getenv("PAPILIO_DATA");
  const std::string folder = std::string(data ? data : "") + "/cifar-10-batches-bin";
  if (!data || !std::filesystem::exists(folder))
    GTEST_SKIP() << "PAPILIO_DATA names no folder with cifar-10-batches-bin";
  const ImageSet train = cifar10(folder, Split::train);
  EXPECT_EQ(train.size(), 50000);
  EXPECT_EQ(cifar10(folder, Split::test).size(), 10000);
  const int64_t labels[] = {0, 3, 8, 8, 9, 1, 6, 6, 1, 0};
  for (int64_t i = 0; i < 10; ++i) EXPECT_EQ(train.label(i), labels[i]) << i;
  const double mean[] = {0.4915, 0.4818, 0.4469}, deviation[] = {0.2452, 0.2428, 0.2606};
  const Statistics found = channel_statistics(train);
  for (int c = 0; c < 3; ++c) {
    EXPECT_NEAR(found.mean.data<float>()[c], mean[c], 6e-5);
    EXPECT_NEAR(found.deviation.data<float>()[c], deviation[c], 6e-5);
  }
}

}  // namespace
}  // namespace papilio::data
