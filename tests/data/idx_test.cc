#include "papilio/data/idx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>

#include "papilio/data/gzip.h"
#include "papilio/tests/core/error_of.h"
#include "papilio/tests/data/small_sets.h"

namespace papilio::data {
namespace {

using namespace small_sets;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string gzip(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

// Two images of 3 x 2 pixels.
const std::string kImages = idx_file({2, 3, 2}, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\xff");
const std::string kLabels = idx_file({2}, "\x04\x01");

ImageSet parse(const std::string& images, const std::string& labels,
               const IdxOptions& options = {}) {
  return parse_idx(std::as_bytes(std::span(images)), std::as_bytes(std::span(labels)), "images",
                   "labels", options);
}

std::string error_of_parse(const std::string& images, const std::string& labels,
                           const IdxOptions& options = {}) {
  return error_of([&] { parse(images, labels, options); });
}

std::vector<int> levels(const Tensor& image) {
  std::vector<int> all;
  for (const float pixel : image.span<float>())
    all.push_back(static_cast<int>(std::lround(255 * pixel)));
  return all;
}

TEST(Idx, ReadsPlainAndGzipped) {
  for (const bool packed : {false, true}) {
    const ImageSet set = packed ? parse(gzip(kImages), gzip(kLabels)) : parse(kImages, kLabels);
    ASSERT_EQ(set.size(), 2);
    EXPECT_EQ(set.image_shape(), Shape({3, 2, 1}));
    EXPECT_THAT(levels(set.get(0).image), ElementsAre(1, 2, 3, 4, 5, 6));
    EXPECT_THAT(levels(set.get(1).image), ElementsAre(7, 8, 9, 10, 11, 255));
    EXPECT_EQ(set.label(0), 4);
    EXPECT_EQ(set.label(1), 1);
    EXPECT_THAT(set.info().classes, ElementsAre("0", "1", "2", "3", "4"));
  }
}

TEST(Idx, PadsWithZeros) {
  const ImageSet set = parse(kImages, kLabels, {.pad = 1});
  EXPECT_EQ(set.image_shape(), Shape({5, 4, 1}));
  EXPECT_THAT(levels(set.get(1).image),
              ElementsAre(0, 0, 0, 0, 0, 7, 8, 0, 0, 9, 10, 0, 0, 11, 255, 0, 0, 0, 0, 0));
  EXPECT_EQ(
      set.info().input,
      Config::parse(R"({"height": 5, "width": 4, "channels": 1, "grayscale": true, "pad": 1})"));
  EXPECT_THAT(error_of_parse(kImages, kLabels, {.pad = -1}), HasSubstr("pad is -1"));
}

TEST(Idx, RefusesDamagedFiles) {
  const auto cut = [](const std::string& s, size_t n) { return s.substr(0, s.size() - n); };
  struct Case {
    std::string images, labels, message;
  };
  const Case cases[] = {
      {"", kLabels, "images: it has 0 bytes, an IDX header has 16"},
      {kImages.substr(0, 15), kLabels, "images: it has 15 bytes"},
      {cut(kImages, 1), kLabels, "less than the 28 bytes"},
      {kImages + "x", kLabels, "more than the 28 bytes"},
      {kImages, cut(kLabels, 1), "labels: it has less than the 10 bytes"},
      {kImages, kLabels + "x", "labels: it has more than the 10 bytes"},
      {kLabels + std::string(8, 'x'), kLabels, "0x00000801, expected 0x00000803"},
      {kLabels + std::string(8, 'x'), kLabels, "is it the images file?"},
      {kImages, kImages, "0x00000803, expected 0x00000801"},
      {kImages, idx_file({3}, "abc"), "2 images and labels has 3 labels"},
      {idx_file({0, 3, 2}, ""), idx_file({0}, ""), "size 0 of its header is 0"},
      {idx_file({2, 0, 2}, ""), kLabels, "size 1 of its header is 0"},
      {idx_file({2, 3, 0}, ""), kLabels, "size 2 of its header is 0"},
      {idx_file({0xffffffff, 0xffffffff, 0xffffffff}, "x"), kLabels, "claims more data"},
      {idx_file({2, 0x80000000, 1}, "x"), kLabels, "claims more data"},
      {gzip(idx_file({2, 0x80000000, 1}, "x")), kLabels, "claims more data"},
      {gzip(cut(kImages, 1)), kLabels, "images: it has less than the 28 bytes"},
      {gzip(kImages + "x"), kLabels, "images: it has more than the 28 bytes"},
      {cut(gzip(kImages), 9), kLabels, "images: the gzip data ends too early"},
      {gzip(kImages) + "x", kLabels, "1 bytes follow the end of the gzip data"},
      {gzip(kImages).substr(0, 12), kLabels, "images: "},
  };
  for (const Case& c : cases)
    EXPECT_THAT(error_of_parse(c.images, c.labels), HasSubstr(c.message)) << c.message;

  std::string corrupt = gzip(kImages);
  corrupt[corrupt.size() - 6] ^= 1;  // of the checksum
  EXPECT_THAT(error_of_parse(corrupt, kLabels), HasSubstr("images: the gzip data is corrupt"));
  EXPECT_THAT(error_of_parse(kImages, kLabels, {.classes = {"a", "b", "c", "d"}}),
              HasSubstr("labels: label 0 is 4, expected 0 to 3"));
}

TEST(Gzip, IsBounded) {
  const std::string bomb = gzip(std::string(size_t{16} << 20, '\0'));
  const auto bytes = std::as_bytes(std::span(bomb));
  ASSERT_LT(bomb.size(), size_t{25} << 10);
  EXPECT_LE(size_t{16} << 20, static_cast<size_t>(kGzipRatio) * bomb.size());
  const std::string start = gunzip(bytes, 1000, "bomb");
  EXPECT_EQ(start.size(), 1000u);
  EXPECT_LE(start.capacity(), 2000u);
  EXPECT_EQ(gunzip(bytes, size_t{1} << 40, "bomb").size(), size_t{16} << 20);
}

TEST(Idx, NamesTheFiles) {
  const Folder folder;
  write(folder / "pictures", kImages);
  write(folder / "classes", kLabels + "x");
  EXPECT_THAT(error_of([&] { idx(folder / "pictures", folder / "classes"); }),
              HasSubstr((folder / "classes") + ": it has more"));
  write(folder / "classes", kLabels);
  EXPECT_EQ(idx(folder / "pictures", folder / "classes").info().name, "pictures");
  EXPECT_THAT(error_of([&] { idx(folder / "absent", folder / "classes"); }),
              HasSubstr(folder / "absent"));
}

TEST(MnistFamily, FindsItsFilesByName) {
  const Folder folder;
  write(folder / "train-images-idx3-ubyte", kImages);
  write(folder / "train-labels-idx1-ubyte.gz", gzip(kLabels));
  const ImageSet set = fashion_mnist(folder.path(), Split::train);
  EXPECT_EQ(set.info().name, "fashion-mnist train");
  EXPECT_EQ(set.info().classes.at(9), "Ankle boot");
  EXPECT_EQ(set.label(0), 4);
  EXPECT_EQ(mnist(folder.path(), Split::train).info().classes.at(9), "9");
  EXPECT_THAT(error_of([&] { fashion_mnist(folder.path(), Split::test); }),
              AllOf(HasSubstr("t10k-images-idx3-ubyte"), HasSubstr("dataset-fashion-mnist")));
  EXPECT_THAT(error_of([] { mnist("/nowhere/mnist", Split::test); }),
              HasSubstr("no directory /nowhere/mnist"));
  write(folder / "train-labels-idx1-ubyte.gz", gzip(idx_file({2}, "\x04\x0a")));
  EXPECT_THAT(error_of([&] { mnist(folder.path(), Split::train); }),
              HasSubstr("label 1 is 10, expected 0 to 9"));
}

TEST(FashionMnist, RealSet) {
  if (!std::filesystem::exists(kFashionMnistDirectory))
    GTEST_SKIP() << "Debian's package dataset-fashion-mnist is not installed";
  const ImageSet test = fashion_mnist(Split::test, {.pad = 2});
  EXPECT_EQ(test.size(), 10000);
  EXPECT_EQ(test.image_shape(), Shape({32, 32, 1}));
  // gzip -dc t10k-labels-idx1-ubyte.gz | tail -c +9 | head -c 10 | od -t u1
  const int64_t labels[] = {9, 2, 1, 1, 6, 1, 4, 6, 5, 7};
  for (int64_t i = 0; i < 10; ++i) EXPECT_EQ(test.label(i), labels[i]) << i;
  EXPECT_EQ(fashion_mnist(Split::train).size(), 60000);
}

}  // namespace
}  // namespace papilio::data
