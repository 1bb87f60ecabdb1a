#include "papilio/data/decode_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "papilio/data/jpeg_turbo.h"
#include "papilio/tests/core/error_of.h"
#include "papilio/tests/data/picture_files.h"

namespace papilio::data {
namespace {

using namespace picture_files;
using testing::AllOf;
using testing::HasSubstr;

std::span<const std::byte> view(const std::string& bytes) {
  return std::as_bytes(std::span(bytes));
}

const std::string kName = "a.JPEG";

Picture decoded(const std::string& bytes, const DecodeOptions& options = {}) {
  return EncodedPicture(view(bytes), kName, options).decode();
}
std::string error_of_decoding(const std::string& bytes, const DecodeOptions& options = {}) {
  return error_of([&] { decoded(bytes, options); });
}

int level_of(const Picture& picture, int64_t y, int64_t x, int64_t c) {
  return picture.levels[static_cast<size_t>(3 * (y * picture.width + x) + c)];
}

// Both decoders where there are two.
std::vector<DecodeOptions> decoders() {
  std::vector<DecodeOptions> all = {{.stb_only = true}};
  if (have_jpeg_turbo()) all.push_back({});
  return all;
}

struct Kind {
  const char* file;
  bool grey;
  int tolerance;  // of a level
};

class DecodeImage : public testing::TestWithParam<Kind> {};

TEST_P(DecodeImage, GivesRedGreenAndBlue) {
  const Kind& kind = GetParam();
  for (const DecodeOptions& options : decoders()) {
    const Picture picture = decoded(bytes(kind.file), options);
    ASSERT_EQ(picture.height, kHeight);
    ASSERT_EQ(picture.width, kWidth);
    ASSERT_EQ(picture.levels.size(), size_t{3 * kHeight * kWidth});
    for (int64_t y = 0; y < kHeight; ++y)
      for (int64_t x = 0; x < kWidth; ++x)
        for (int64_t c = 0; c < 3; ++c)
          ASSERT_NEAR(level_of(picture, y, x, c), level(y, x, kind.grey ? 0 : c), kind.tolerance)
              << y << " " << x << " " << c << (options.stb_only ? " stb" : " turbo");
  }
}

// The colours of a JPEG with fewer of them than pixels are off by more.
INSTANTIATE_TEST_SUITE_P(
    Kinds, DecodeImage,
    testing::Values(Kind{"rgb.jpg", false, 10}, Kind{"rgb_444.jpg", false, 4},
                    Kind{"grey.jpg", true, 2}, Kind{"progressive.jpg", false, 10},
                    Kind{"cmyk.jpg", false, 3}, Kind{"ycck.jpg", false, 4},
                    Kind{"exif_1.jpg", false, 4}, Kind{"rgb.png", false, 0},
                    Kind{"interlaced.png", false, 0}, Kind{"rgba.png", false, 0},
                    Kind{"rgb_16.png", false, 0}, Kind{"rgba_16.png", false, 0},
                    Kind{"grey.png", true, 0}, Kind{"grey_16.png", true, 0},
                    Kind{"grey_alpha.png", true, 0}, Kind{"palette.png", false, 5}),
    [](const auto& kind) {
      std::string name = kind.param.file;
      for (char& c : name) c = c == '.' ? '_' : c;
      return name;
    });

TEST(DecodeImageKinds, CmykWithoutAdobesMarkerIsNotInverted) {
  const std::string file = bytes("cmyk_plain.jpg");
  EXPECT_THAT(error_of_decoding(file, {.stb_only = true}),
              AllOf(HasSubstr(kName), HasSubstr("four colours"), HasSubstr("libjpeg-turbo")));
  if (!have_jpeg_turbo()) GTEST_SKIP() << "built without libjpeg-turbo";
  const Picture picture = decoded(file);
  for (int64_t y = 0; y < kHeight; ++y)
    for (int64_t x = 0; x < kWidth; ++x)
      for (int64_t c = 0; c < 3; ++c) ASSERT_NEAR(level_of(picture, y, x, c), level(y, x, c), 4);
}

TEST(DecodeImageExif, IsHonouredOnlyWhenAsked) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const std::string file = bytes(concat("exif_", orientation, ".jpg"));
    const Picture plain = decoded(file);
    EXPECT_EQ(plain.height, orientation < 5 ? kHeight : kWidth) << orientation;
    for (DecodeOptions options : decoders()) {
      options.apply_exif = true;
      const EncodedPicture encoded(view(file), kName, options);
      ASSERT_EQ(encoded.height(), kHeight);
      ASSERT_EQ(encoded.width(), kWidth);
      const Picture upright = encoded.decode();
      ASSERT_EQ(upright.height, kHeight);
      for (int64_t y = 0; y < kHeight; ++y)
        for (int64_t x = 0; x < kWidth; ++x)
          for (int64_t c = 0; c < 3; ++c)
            ASSERT_NEAR(level_of(upright, y, x, c), level(y, x, c), 4) << orientation;
      const PicturePart part = encoded.decode_part({2, 3, 4, 5}, 2, 2);
      if (orientation > 1) {
        EXPECT_EQ(part.picture.levels, upright.levels);
        EXPECT_EQ(part.box, Box({2, 3, 4, 5}));
      }
    }
  }
}

TEST(DecodeImageExif, OrientationIsReadFromWellFormedBlocksOnly) {
  using namespace std::string_literals;
  const std::string big = "MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"s;
  const std::string little = "II\x2A\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"s;
  EXPECT_EQ(exif_orientation(view(big)), 6);
  EXPECT_EQ(exif_orientation(view(little)), 6);
  for (size_t length = 0; length < big.size(); ++length)
    EXPECT_EQ(exif_orientation(view(big).first(length)), 1) << length;
  struct Change {
    size_t place;
    char value;
  };
  // No byte order, a directory behind the end, no entries, another tag, another type, no such
  // orientation.
  for (const Change change :
       {Change{0, 'X'}, Change{4, '\x7F'}, Change{4, '\xFF'}, Change{7, '\x15'}, Change{9, 0},
        Change{10, 2}, Change{13, 4}, Change{19, 9}, Change{19, 0}}) {
    std::string changed = big;
    changed[change.place] = change.value;
    EXPECT_EQ(exif_orientation(view(changed)), 1) << change.place;
  }
  EXPECT_EQ(exif_orientation(view("MM\0\x2A\0\0\0\x08\xFF\xFF"s)), 1);
}

TEST(DecodeImagePart, HasTheLevelsOfTheWhole) {
  for (const char* file : {"rgb.jpg", "progressive.jpg", "grey.jpg", "cmyk.jpg", "rgb.png"})
    for (const DecodeOptions& options : decoders()) {
      const std::string content = bytes(file);
      const EncodedPicture encoded(view(content), kName, options);
      const Picture whole = encoded.decode();
      for (const Box& box : {Box{0, 0, 16, 24}, Box{5, 7, 9, 8}, Box{15, 23, 1, 1},
                             Box{0, 20, 3, 4}, Box{9.5, 1.25, 3, 2}}) {
        const PicturePart part = encoded.decode_part(box);
        ASSERT_EQ(part.box.height, box.height);
        ASSERT_EQ(part.box.width, box.width);
        const auto top = static_cast<int64_t>(box.top - part.box.top);
        const auto left = static_cast<int64_t>(box.left - part.box.left);
        ASSERT_GE(part.box.top, 0);
        ASSERT_GE(static_cast<double>(part.picture.height), part.box.top + box.height);
        ASSERT_GE(static_cast<double>(part.picture.width), part.box.left + box.width);
        for (int64_t y = 0; y < part.picture.height; ++y)
          for (int64_t x = 0; x < part.picture.width; ++x)
            for (int64_t c = 0; c < 3; ++c)
              ASSERT_EQ(level_of(part.picture, y, x, c), level_of(whole, top + y, left + x, c));
      }
    }
}

TEST(DecodeImagePart, MayComeSmallerButNeverSmallerThanWanted) {
  const std::string content = bytes("rgb_444.jpg");
  const EncodedPicture encoded(view(content), kName);
  for (int64_t size = 1; size <= 16; ++size) {
    const PicturePart part = encoded.decode_part({4, 8, 8, 16}, size, size);
    EXPECT_GE(part.box.height, std::min<double>(8, static_cast<double>(size)));
    EXPECT_NEAR(part.box.width / part.box.height, 2, 1e-12);
    if (!have_jpeg_turbo()) continue;
    EXPECT_EQ(part.picture.height, size > 4 ? 8 : size > 2 ? 4 : 2);  // 0.5 to 1.5 at last
    const double scale = part.box.height / 8;
    const auto middle = [&](double begin, double place) {
      return static_cast<int64_t>(begin + place * scale);
    };
    EXPECT_NEAR(level_of(part.picture, middle(part.box.top, 4), middle(part.box.left, 8), 0),
                level(8, 16, 0), 7 / scale);
  }
}

// ---- Damage

TEST(DecodeImageDamage, CutShortAnywhereIsAnErrorThatNamesTheFile) {
  for (const char* file : {"rgb.jpg", "progressive.jpg", "rgb.png", "interlaced.png"}) {
    const std::string whole = bytes(file);
    // A PNG ends with 12 bytes that say so; its picture is whole without them.
    const size_t end = whole.size() - (whole[0] == '\x89' ? 12 : 0);
    for (size_t length = 0; length < end; ++length)
      for (const DecodeOptions& options : decoders())
        ASSERT_THAT(error_of_decoding(whole.substr(0, length), options), HasSubstr(kName))
            << file << " " << length;
  }
}

TEST(DecodeImageDamage, NoChangedByteCrashes) {
  for (const char* file : {"rgb.jpg", "progressive.jpg", "ycck.jpg", "exif_6.jpg", "rgb_16.png",
                           "interlaced.png", "palette.png"}) {
    const std::string whole = bytes(file);
    int refused = 0;
    for (size_t place = 0; place < whole.size(); ++place)
      for (const int change : {1, 0x80, 0xFF}) {
        std::string changed = whole;
        changed[place] = static_cast<char>(changed[place] ^ change);
        for (DecodeOptions options : decoders()) {
          options.max_pixels = 1 << 20;
          options.apply_exif = place % 2 == 0;
          try {
            decoded(changed, options);
            EncodedPicture(view(changed), kName, options).decode_part({2, 3, 5, 6});
          } catch (const Error&) {
            ++refused;
          }
        }
      }
    EXPECT_GT(refused, 0) << file;
  }
}

TEST(DecodeImageDamage, OtherFilesAreNamed) {
  EXPECT_THAT(error_of_decoding(""), AllOf(HasSubstr(kName), HasSubstr("empty")));
  for (const char* other : {"GIF89a", "BM", "no picture at all", "\x89PNG", "\xFF\xD8"})
    EXPECT_THAT(error_of_decoding(other), AllOf(HasSubstr(kName), HasSubstr("neither")));
  EXPECT_THROW(decoded("GIF89a"), DamagedPicture);
}

TEST(DecodeImageDamage, SizesAreCheckedBeforeAnythingIsAllocated) {
  const std::string jpeg = bytes("rgb.jpg");
  EXPECT_THAT(error_of_decoding(with_size(jpeg, 30000, 30000)),
              AllOf(HasSubstr(kName), HasSubstr("30000 x 30000"), HasSubstr("at most")));
  EXPECT_THAT(error_of_decoding(with_size(jpeg, 10000, 10000)),
              HasSubstr("more than its 736 bytes can hold"));
  EXPECT_THAT(error_of_decoding(with_size(jpeg, 0, 24)), HasSubstr("24 x 0"));
  std::string png = bytes("rgb.png");
  png[16] = '\x7F';  // the first byte of its width
  EXPECT_THAT(error_of_decoding(png), HasSubstr("at most"));
  png[16] = '\xFF';
  EXPECT_THAT(error_of_decoding(png), HasSubstr("no PNG header"));
}

TEST(DecodeImageDamage, MoreDataThanTheHeaderSaysIsRefused) {
  std::string png = bytes("rgb.png");
  png[19] = 1, png[23] = 1;  // one pixel
  EXPECT_THAT(error_of_decoding(png), AllOf(HasSubstr(kName), HasSubstr("more data")));
}

TEST(DecodeImageDamage, EndlessScansAreRefused) {
  const std::string jpeg = bytes("progressive.jpg");
  const size_t last = jpeg.rfind("\xFF\xDA");
  const std::string scan = jpeg.substr(last, jpeg.size() - 2 - last);
  std::string bomb = jpeg.substr(0, last);
  for (int i = 0; i < 600; ++i) bomb += scan;
  for (const DecodeOptions& options : decoders())
    EXPECT_THAT(error_of_decoding(bomb + "\xFF\xD9", options),
                AllOf(HasSubstr(kName), HasSubstr("scans")));
}

}  // namespace
}  // namespace papilio::data
