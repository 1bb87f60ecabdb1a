#include "papilio/data/decode_image.h"

#include <algorithm>
#include <cmath>

#include "papilio/data/decode_stb.h"
#include "papilio/data/jpeg_turbo.h"

namespace papilio::data {
namespace {

// Where pixel (y, x) of the upright picture is stored: exchanged, then counted from the other end.
struct Turn {
  bool exchange, flip_y, flip_x;
};
constexpr Turn kTurns[] = {{false, false, false}, {false, false, true}, {false, true, true},
                           {false, true, false},  {true, false, false}, {true, true, false},
                           {true, true, true},    {true, false, true}};

Picture upright(const Picture& stored, int orientation) {
  const Turn turn = kTurns[orientation - 1];
  Picture result{turn.exchange ? stored.width : stored.height,
                 turn.exchange ? stored.height : stored.width,
                 {}};
  result.levels.resize(stored.levels.size());
  uint8_t* out = result.levels.data();
  for (int64_t y = 0; y < result.height; ++y)
    for (int64_t x = 0; x < result.width; ++x, out += 3) {
      const int64_t row = turn.exchange ? x : y, column = turn.exchange ? y : x;
      const int64_t from_y = turn.flip_y ? stored.height - 1 - row : row;
      const int64_t from_x = turn.flip_x ? stored.width - 1 - column : column;
      std::copy_n(stored.levels.data() + 3 * (from_y * stored.width + from_x), 3, out);
    }
  return result;
}

}  // namespace

EncodedPicture::EncodedPicture(std::span<const std::byte> bytes, const std::string& name,
                               const DecodeOptions& options)
    : bytes_(bytes),
      name_(name),
      options_(options),
      header_(read_picture_header(bytes, name, options.max_pixels)),
      turned_(options.apply_exif && header_.orientation >= 5) {}

bool EncodedPicture::by_turbo() const {
  return header_.format == PictureFormat::jpeg && have_jpeg_turbo() && !options_.stb_only;
}

Picture EncodedPicture::decode_stored() const {
  if (!by_turbo()) return decode_stb(bytes_, name_, header_);
  return decode_jpeg_turbo(bytes_, name_, {0, 0, header_.height, header_.width});
}

Picture EncodedPicture::decode() const {
  Picture stored = decode_stored();
  if (!options_.apply_exif || header_.orientation == 1) return stored;
  return upright(stored, header_.orientation);
}

PicturePart EncodedPicture::decode_part(const Box& box) const { return decode_part(box, 8); }

PicturePart EncodedPicture::decode_part(const Box& box, int64_t height, int64_t width) const {
  // Only halvings: libjpeg-turbo has no SIMD code for what lies between, which is slower than all
  // of it at full size.
  int eighths = 8;
  while (eighths > 1 && static_cast<double>(height) <= box.height * (eighths / 16.0) &&
         static_cast<double>(width) <= box.width * (eighths / 16.0))
    eighths /= 2;
  return decode_part(box, eighths);
}

PicturePart EncodedPicture::decode_part(const Box& box, int eighths) const {
  if (!by_turbo() || (options_.apply_exif && header_.orientation != 1)) return {decode(), box};
  const double scale = eighths / 8.0;
  const auto from = [&](double place) { return static_cast<int64_t>(std::floor(place * scale)); };
  const auto to = [&](double place, int64_t size) {
    return std::min(static_cast<int64_t>(std::ceil(place * scale)), jpeg_scaled(size, eighths));
  };
  JpegPart part{.top = from(box.top), .left = from(box.left), .eighths = eighths};
  part.height = to(box.top + box.height, header_.height) - part.top;
  part.width = to(box.left + box.width, header_.width) - part.left;
  return {
      decode_jpeg_turbo(bytes_, name_, part),
      {box.top * scale - static_cast<double>(part.top),
       box.left * scale - static_cast<double>(part.left), box.height * scale, box.width * scale}};
}

}  // namespace papilio::data
