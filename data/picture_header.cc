#include "papilio/data/picture_header.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "papilio/data/gzip.h"
#include "papilio/data/picture.h"

namespace papilio::data {
namespace {

using Bytes = std::span<const std::byte>;

// A file of n bytes holds at most this many pixels for each: PNG packs bits with deflate; a JPEG
// spends at least a bit on a block of 64 pixels, and its planes are at most 16 times subsampled.
constexpr int64_t kPixelsPerByte = 8 * kGzipRatio;
// Scans of a progressive JPEG. Each walks over the whole picture, however few bytes it has.
constexpr int64_t kMaxScans = 500, kMaxScannedPixels = int64_t{1} << 32;
constexpr const char* kDamaged = ": it is damaged; fetch it again";

unsigned byte(Bytes bytes, size_t at) { return static_cast<unsigned>(bytes[at]); }
unsigned big16(Bytes bytes, size_t at) { return byte(bytes, at) << 8 | byte(bytes, at + 1); }
int64_t big32(Bytes bytes, size_t at) {
  return int64_t{big16(bytes, at)} << 16 | big16(bytes, at + 2);
}

bool begins_with(Bytes bytes, std::string_view start) {
  return bytes.size() >= start.size() && std::memcmp(bytes.data(), start.data(), start.size()) == 0;
}

void check_size(const PictureHeader& header, Bytes bytes, const std::string& name,
                int64_t max_pixels) {
  check_picture(header.height > 0 && header.width > 0, name, ": its header says ", header.width,
                " x ", header.height, " pixels", kDamaged);
  const int64_t pixels = header.height * header.width;  // each below 2^31
  check_picture(pixels <= max_pixels, name, ": its header says ", header.width, " x ",
                header.height, " pixels, at most ", max_pixels, " are allowed; scale it down");
  check_picture(pixels / kPixelsPerByte <= static_cast<int64_t>(bytes.size()), name,
                ": its header claims ", header.width, " x ", header.height,
                " pixels, more than its ", bytes.size(), " bytes can hold", kDamaged);
}

// ---- JPEG (ITU T.81, appendix B)

enum Marker : unsigned {
  kStartOfScan = 0xDA,
  kEndOfImage = 0xD9,
  kHuffmanTables = 0xC4,
  kArithmeticTables = 0xCC,
  kExtension = 0xC8,
  kApp1 = 0xE1,
  kApp14 = 0xEE
};

bool is_frame(unsigned marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != kHuffmanTables &&
         marker != kArithmeticTables && marker != kExtension;
}
bool stands_alone(unsigned marker) { return marker <= 0x01 || (marker >= 0xD0 && marker <= 0xD8); }

// How often `marker` occurs; coded data never contains one by chance.
int64_t count_markers(Bytes bytes, unsigned marker) {
  int64_t count = 0;
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  const unsigned char* end = at + bytes.size();
  while (end - at >= 2 && (at = static_cast<const unsigned char*>(
                               std::memchr(at, 0xFF, static_cast<size_t>(end - at - 1)))))
    count += *++at == marker;
  return count;
}

void read_segment(unsigned marker, Bytes segment, PictureHeader& header, const std::string& name) {
  using namespace std::string_view_literals;
  if (is_frame(marker)) {
    check_picture(segment.size() >= 6, name, ": its frame header is too short", kDamaged);
    check_picture(byte(segment, 0) == 8, name, ": it has ", byte(segment, 0),
                  " bits a colour, only JPEGs of 8 can be read; convert it");
    header.height = big16(segment, 1);
    header.width = big16(segment, 3);
    header.channels = static_cast<int>(byte(segment, 5));
  } else if (marker == kApp1 && begins_with(segment, "Exif\0\0"sv)) {
    header.orientation = exif_orientation(segment.subspan(6));
  } else if (marker == kApp14 && begins_with(segment, "Adobe")) {
    header.adobe = true;
  }
}

// The segments before the first scan; returns where that begins.
size_t read_segments(Bytes bytes, PictureHeader& header, const std::string& name) {
  for (size_t at = 2; at + 4 <= bytes.size();) {
    const unsigned marker = byte(bytes, at + 1);
    if (byte(bytes, at) != 0xFF || marker == 0xFF) {  // decoders skip padding, too
      ++at;
      continue;
    }
    at += 2;
    if (stands_alone(marker)) continue;
    if (marker == kEndOfImage) break;
    const size_t length = big16(bytes, at);
    check_picture(length >= 2, name, ": it has a segment of ", length, " bytes", kDamaged);
    if (length > bytes.size() - at) break;
    if (marker == kStartOfScan) return at;
    read_segment(marker, bytes.subspan(at + 2, length - 2), header, name);
    at += length;
  }
  check_picture(false, name, ": it is cut short: its ", bytes.size(),
                " bytes end before the picture begins; fetch it again");
  return 0;
}

PictureHeader jpeg_header(Bytes bytes, const std::string& name, int64_t max_pixels) {
  PictureHeader header{PictureFormat::jpeg, 0, 0, 0};
  const Bytes scans = bytes.subspan(read_segments(bytes, header, name));
  check_size(header, bytes, name, max_pixels);
  check_picture(count_markers(scans, kEndOfImage) > 0, name, ": it is cut short: its ",
                bytes.size(), " bytes have no end of image; fetch it again");
  const int64_t count = 1 + count_markers(scans, kStartOfScan);
  check_picture(count <= kMaxScans && count <= kMaxScannedPixels / (header.height * header.width),
                name, ": it has ", count, " scans of ", header.width, " x ", header.height,
                " pixels, which would take too long; save it as a plain JPEG");
  return header;
}

// ---- PNG

// Unpacks the image data piece by piece without keeping it: more than the header says would make a
// decoder that unpacks it all grow without bound.
class PngData {
 public:
  PngData(int64_t most, const std::string& name) : left_(most), name_(name) {
    check(inflateInit(&stream_) == Z_OK, "png: zlib could not be started: out of memory");
  }
  ~PngData() { inflateEnd(&stream_); }
  PngData(const PngData&) = delete;
  PngData& operator=(const PngData&) = delete;

  void add(Bytes bytes) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    while (!ended_ && stream_.avail_in > 0) {
      stream_.next_out = scratch_.data();
      stream_.avail_out = static_cast<uInt>(scratch_.size());
      const int code = inflate(&stream_, Z_NO_FLUSH);
      check_picture(code == Z_OK || code == Z_STREAM_END, name_, ": its image data is corrupt",
                    kDamaged);
      left_ -= static_cast<int64_t>(scratch_.size() - stream_.avail_out);
      check_picture(left_ >= 0, name_, ": it has more data than its header says", kDamaged);
      ended_ = code == Z_STREAM_END;
    }
  }
  bool ended() const { return ended_; }

 private:
  z_stream stream_{};
  std::array<Bytef, 1 << 14> scratch_{};
  int64_t left_;
  bool ended_ = false;
  const std::string& name_;
};

// Each row begins with a byte of its own; the seven passes of an interlaced picture have up to two
// rows for one, and round each up to bytes.
int64_t most_data(const PictureHeader& header, int64_t bits) {
  return 2 * (header.height + 8) * ((header.width + 8) * header.channels * bits / 8 + 2);
}

PictureHeader png_header(Bytes bytes, const std::string& name, int64_t max_pixels) {
  constexpr size_t kFrame = 12;                                    // length, type, ... check sum
  constexpr std::array<int, 7> kChannels = {1, 0, 3, 1, 2, 0, 4};  // by colour type
  check_picture(bytes.size() >= 8 + kFrame + 13 && begins_with(bytes.subspan(12), "IHDR") &&
                    big32(bytes, 8) == 13 && byte(bytes, 25) < kChannels.size() &&
                    byte(bytes, 24) <= 16,
                name, ": its header is no PNG header", kDamaged);
  PictureHeader header{PictureFormat::png, big32(bytes, 20), big32(bytes, 16),
                       kChannels[byte(bytes, 25)]};
  check_picture(header.height < int64_t{1} << 31 && header.width < int64_t{1} << 31, name,
                ": its header is no PNG header", kDamaged);
  check_size(header, bytes, name, max_pixels);
  PngData data(most_data(header, byte(bytes, 24)), name);
  for (size_t at = 8; bytes.size() - at >= kFrame;) {
    const auto length = static_cast<size_t>(big32(bytes, at));
    if (length > bytes.size() - at - kFrame) break;
    const Bytes content = bytes.subspan(at + 8, length);
    if (begins_with(bytes.subspan(at + 4), "IDAT")) data.add(content);
    if (begins_with(bytes.subspan(at + 4), "IEND")) break;
    at += kFrame + length;
  }
  check_picture(data.ended(), name, ": it is cut short: its ", bytes.size(),
                " bytes hold only a part of the picture; fetch it again");
  return header;
}

}  // namespace

PictureHeader read_picture_header(Bytes bytes, const std::string& name, int64_t max_pixels) {
  check_picture(!bytes.empty(), name, ": it is empty; fetch it again");
  if (begins_with(bytes, "\xFF\xD8\xFF")) return jpeg_header(bytes, name, max_pixels);
  if (begins_with(bytes, "\x89PNG\r\n\x1A\n")) return png_header(bytes, name, max_pixels);
  throw DamagedPicture(concat(name, ": it is neither a JPEG nor a PNG file; convert it"));
}

int exif_orientation(Bytes tiff) {
  constexpr unsigned kOrientation = 0x0112, kShort = 3;
  constexpr size_t kEntry = 12;
  const bool little = begins_with(tiff, "II");
  if (tiff.size() < 8 || (!little && !begins_with(tiff, "MM"))) return 1;
  const auto read16 = [&](size_t at) {
    return little ? byte(tiff, at) | byte(tiff, at + 1) << 8 : big16(tiff, at);
  };
  const size_t directory =
      little ? read16(4) | size_t{read16(6)} << 16 : size_t{read16(4)} << 16 | read16(6);
  if (directory > tiff.size() - 2) return 1;
  const size_t most = (tiff.size() - directory - 2) / kEntry;
  const size_t count = std::min<size_t>(read16(directory), most);
  for (size_t i = 0; i < count; ++i) {
    const size_t entry = directory + 2 + kEntry * i;
    if (read16(entry) != kOrientation || read16(entry + 2) != kShort) continue;
    const unsigned value = read16(entry + 8);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

}  // namespace papilio::data
