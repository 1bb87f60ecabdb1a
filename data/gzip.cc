#include "papilio/data/gzip.h"

#include <zlib.h>

#include <algorithm>

#include "papilio/core/error.h"

namespace papilio::data {
namespace {

struct Inflater {
  explicit Inflater(const std::string& name) {
    check(inflateInit2(&stream, 15 + 16) == Z_OK, name, ": zlib can't start; is memory short?");
  }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  z_stream stream{};
};

constexpr size_t kLeast = size_t{1} << 16;
constexpr size_t kMostAtOnce = size_t{1} << 30;  // zlib counts in 32 bits

}  // namespace

bool is_gzip(std::span<const std::byte> bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
}

std::string gunzip(std::span<const std::byte> bytes, size_t limit, const std::string& name) {
  Inflater inflater(name);
  z_stream& stream = inflater.stream;
  std::string content;
  size_t used = 0, filled = 0;
  for (int status = Z_OK; status != Z_STREAM_END;) {
    if (filled == limit) return content;
    if (filled == content.size()) content.resize(std::min(limit, std::max(kLeast, 2 * filled)));
    const size_t in = std::min(bytes.size() - used, kMostAtOnce);
    const size_t out = std::min(content.size() - filled, kMostAtOnce);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data() + used));
    stream.avail_in = static_cast<uInt>(in);
    stream.next_out = reinterpret_cast<Bytef*>(content.data() + filled);
    stream.avail_out = static_cast<uInt>(out);
    status = inflate(&stream, Z_NO_FLUSH);
    used += in - stream.avail_in;
    filled += out - stream.avail_out;
    check(status != Z_BUF_ERROR, name, ": the gzip data ends too early; fetch it again");
    check(status == Z_OK || status == Z_STREAM_END, name, ": the gzip data is corrupt (",
          stream.msg ? stream.msg : "no reason given", "); fetch it again");
  }
  check(used == bytes.size(), name, ": ", bytes.size() - used,
        " bytes follow the end of the gzip data; fetch it again");
  content.resize(filled);
  return content;
}

}  // namespace papilio::data
