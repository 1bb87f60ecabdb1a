// Pictures from the bytes of a file: JPEG and PNG of every kind to red, green and blue.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "papilio/data/picture.h"
#include "papilio/data/picture_header.h"

namespace papilio::data {

struct DecodeOptions {
  bool apply_exif = false;  ///< turn the picture upright as its Exif block says
  /// JPEGs by stb_image even where libjpeg-turbo is there. Levels differ by up to 4.
  bool stb_only = false;
  int64_t max_pixels = kMaxPixels;
};

/// A part of a picture, perhaps at a smaller scale: `box` is what was asked for, in the pixels of
/// `picture`.
struct PicturePart {
  Picture picture;
  Box box;
};

/// A picture that is still in its file. Grey is repeated, alpha dropped, CMYK and YCCK multiplied
/// out, of 16 bits the high byte is taken; colour profiles are ignored.
class EncodedPicture {
 public:
  /// Reads the header. `bytes` and `name`, which stands for them in messages, must outlive the
  /// object. Throws DamagedPicture as read_picture_header() does; the functions below when the
  /// rest is not decodable.
  EncodedPicture(std::span<const std::byte> bytes, const std::string& name,
                 const DecodeOptions& options = {});

  // As decoded: upright when the options say so.
  int64_t height() const { return turned_ ? header_.width : header_.height; }
  int64_t width() const { return turned_ ? header_.height : header_.width; }

  Picture decode() const;
  /// At least the pixels of `box`, which lies in the picture, by the cheapest way there is. The
  /// levels are those of decode().
  PicturePart decode_part(const Box& box) const;
  /// The same for a box that will be resized to [height, width]: it may come at a smaller scale
  /// that is still at least so large. Other levels than those of decode() resized.
  PicturePart decode_part(const Box& box, int64_t height, int64_t width) const;

 private:
  Picture decode_stored() const;
  bool by_turbo() const;
  PicturePart decode_part(const Box& box, int eighths) const;

  std::span<const std::byte> bytes_;
  const std::string& name_;
  DecodeOptions options_;
  PictureHeader header_;
  bool turned_;  // height and width are exchanged
};

}  // namespace papilio::data
