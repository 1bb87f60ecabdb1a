#include "papilio/data/resize_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "papilio/data/picture_input.h"
#include "papilio/tests/core/error_of.h"

namespace papilio::data {
namespace {

using testing::HasSubstr;

// 13 x 9 pixels without any smoothness.
Picture rough(int64_t height = 9, int64_t width = 13) {
  Picture picture{height, width, {}};
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x)
      for (int64_t c = 0; c < 3; ++c)
        picture.levels.push_back(
            static_cast<uint8_t>((37 * y * y + 91 * x + 53 * c * x * y + 17) % 256));
  return picture;
}

std::vector<float> resized(const Picture& picture, const Resize& how) {
  std::vector<float> pixels(static_cast<size_t>(3 * how.height * how.width) + 1, -7);
  resize(picture, how, pixels.data());
  EXPECT_EQ(pixels.back(), -7);
  pixels.pop_back();
  return pixels;
}

// PIL 9.4: image.crop(box).resize((width, height), Image.BILINEAR).
struct Reference {
  Resize how;
  std::vector<int> levels;
};
const Reference kReferences[] = {
    {{.box = {0, 0, 9, 13}, .box_height = 4, .box_width = 5},
     {110, 116, 136, 132, 136, 108, 135, 105, 139, 126, 136, 123, 136, 156, 164,
      107, 113, 142, 113, 120, 106, 128, 84,  151, 137, 88,  114, 143, 79,  160,
      115, 125, 107, 120, 124, 154, 124, 114, 117, 136, 113, 140, 140, 137, 148,
      118, 129, 129, 125, 107, 158, 128, 137, 145, 143, 109, 154, 108, 106, 154}},
    {{.box = {1, 2, 7, 9}, .box_height = 9, .box_width = 4},
     {150, 154, 143, 177, 85,  86,  111, 103, 138, 121, 146, 120, 127, 157, 76,  130, 118, 120,
      110, 92,  151, 132, 139, 96,  106, 123, 72,  109, 104, 143, 126, 71,  149, 148, 93,  101,
      96,  100, 109, 112, 70,  142, 146, 75,  134, 162, 45,  123, 98,  179, 105, 114, 88,  112,
      148, 158, 118, 164, 67,  125, 118, 156, 159, 116, 100, 139, 125, 119, 107, 150, 107, 144,
      147, 114, 194, 99,  116, 135, 120, 111, 112, 140, 106, 181, 155, 108, 196, 111, 121, 123,
      135, 137, 132, 143, 95,  177, 134, 153, 171, 161, 114, 116, 164, 186, 159, 156, 91,  122}},
    {{.box = {0, 0, 9, 13}, .box_height = 1, .box_width = 1}, {127, 114, 135}},
};

TEST(ResizeImage, AgreesWithPil) {
  for (const Reference& reference : kReferences) {
    const std::vector<float> pixels = resized(rough(), reference.how);
    ASSERT_EQ(pixels.size(), reference.levels.size());
    double sum = 0;
    for (size_t i = 0; i < pixels.size(); ++i) {
      // PIL rounds to levels after each of two passes.
      EXPECT_NEAR(255 * pixels[i], reference.levels[i], 1.01) << i;
      sum += std::abs(255 * pixels[i] - static_cast<float>(reference.levels[i]));
    }
    EXPECT_LT(sum / static_cast<double>(pixels.size()), 0.5);
  }
}

TEST(ResizeImage, SameSizeIsACopy) {
  const Picture picture = rough();
  const auto pixels = resized(picture, {.box = {0, 0, 9, 13}, .box_height = 9, .box_width = 13});
  for (size_t i = 0; i < pixels.size(); ++i)
    EXPECT_FLOAT_EQ(pixels[i], static_cast<float>(picture.levels[i]) / 255);
}

TEST(ResizeImage, ABoxIsResizedAsIfItHadBeenCutOut) {
  const Picture picture = rough();
  Picture cut{5, 6, {}};
  for (int64_t y = 2; y < 7; ++y)
    for (int64_t x = 3; x < 9; ++x)
      for (int64_t c = 0; c < 3; ++c)
        cut.levels.push_back(picture.levels[static_cast<size_t>(3 * (13 * y + x) + c)]);
  for (const int64_t size : {1, 2, 5, 11})
    EXPECT_EQ(resized(picture, {.box = {2, 3, 5, 6}, .box_height = size, .box_width = size}),
              resized(cut, {.box = {0, 0, 5, 6}, .box_height = size, .box_width = size}));
}

TEST(ResizeImage, AWindowIsAPartAndAFlipExchangesItsSides) {
  const Picture picture = rough();
  Resize how{.box = {0, 0, 9, 13}, .box_height = 6, .box_width = 7};
  const auto whole = resized(picture, how);
  how.top = 2, how.left = 1, how.height = 3, how.width = 4;
  const auto window = resized(picture, how);
  how.flip = true;
  const auto flipped = resized(picture, how);
  for (int64_t y = 0; y < 3; ++y)
    for (int64_t x = 0; x < 4; ++x)
      for (int64_t c = 0; c < 3; ++c) {
        const float expected = whole[static_cast<size_t>(3 * (7 * (y + 2) + x + 1) + c)];
        EXPECT_EQ(window[static_cast<size_t>(3 * (4 * y + x) + c)], expected);
        EXPECT_EQ(flipped[static_cast<size_t>(3 * (4 * y + 3 - x) + c)], expected);
      }
}

TEST(ResizeImage, TheNeededPartIsEnough) {
  const Picture picture = rough();
  for (const int64_t size : {2, 5, 20}) {
    Resize how{.box = {0, 0, 9, 13}, .box_height = 2 * size, .box_width = 3 * size};
    how.top = size / 2, how.left = size, how.height = size, how.width = size;
    const Box part = needed(how);
    const auto top = static_cast<int64_t>(part.top), left = static_cast<int64_t>(part.left);
    Picture cut{static_cast<int64_t>(part.height), static_cast<int64_t>(part.width), {}};
    EXPECT_LT(cut.width, 13);
    for (int64_t y = 0; y < cut.height; ++y)
      for (int64_t k = 0; k < 3 * cut.width; ++k)
        cut.levels.push_back(picture.levels[static_cast<size_t>(3 * (13 * (top + y) + left) + k)]);
    Resize moved = how;
    moved.box.top -= part.top, moved.box.left -= part.left;
    EXPECT_EQ(resized(cut, moved), resized(picture, how)) << size;
  }
}

TEST(ResizeImage, ExtremeSizesStayInBounds) {
  for (const auto& [height, width] :
       {std::pair<int64_t, int64_t>{1, 1}, {1, 300}, {300, 1}, {2, 2}})
    for (const int64_t size : {1, 2, 7, 64})
      for (const float pixel :
           resized(rough(height, width),
                   {.box = {0, 0, static_cast<double>(height), static_cast<double>(width)},
                   .box_height = size,
                   .box_width = size}))
        ASSERT_TRUE(pixel >= 0 && pixel <= 1);
  EXPECT_THAT(error_of([] {
                resize(rough(), {.box = {0, 0, 9, 13}, .box_height = 0, .box_width = 3}, nullptr);
              }),
              HasSubstr("sizes above zero"));
}

// torchvision: Resize(256), CenterCrop(224).
TEST(PictureInput, TheCentreIsTorchvisions) {
  const PictureInput input = PictureInput::from(Config::object(), true);
  EXPECT_EQ(input.to_config(),
            Config::parse(R"({"height": 224, "width": 224, "channels": 3, "grayscale": false,
                              "pad": 0, "resize": 256, "exif": false})"));
  const Resize how = input.centre(375, 500);
  EXPECT_EQ(how.box, Box({0, 0, 375, 500}));
  EXPECT_EQ(how.box_height, 256);
  EXPECT_EQ(how.box_width, 341);
  EXPECT_EQ(how.top, 16);
  EXPECT_EQ(how.left, 58);  // 58.5 to even
  EXPECT_EQ(how.height, 224);
  EXPECT_EQ(how.width, 224);
}

TEST(PictureInput, FitsWhatIsAsked) {
  EXPECT_EQ(PictureInput::from({{"height", 64}}, true).resize, 73);
  EXPECT_EQ(PictureInput::from({{"height", 64}}, false).resize, 64);
  EXPECT_EQ(PictureInput::from({{"width", 32}}, false).height, 32);
  EXPECT_EQ(PictureInput::from({{"grayscale", true}}, false).channels, 1);
  EXPECT_EQ(PictureInput::from({}, true).to_config(), PictureInput().to_config());
  for (const char* input : {R"({"height": 0})", R"({"height": 100000})", R"({"channels": 4})",
                            R"({"channels": 3, "grayscale": true})", R"({"pad": 2})",
                            R"({"height": 224, "resize": 223})", R"({"resize": 100000})"})
    EXPECT_THAT(error_of([&] { PictureInput::from(Config::parse(input), true); }),
                HasSubstr("image folder: the input {"))
        << input;
}

}  // namespace
}  // namespace papilio::data
