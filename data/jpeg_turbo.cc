#include "papilio/data/jpeg_turbo.h"

#ifdef PAPILIO_JPEG_TURBO

#include <jpeglib.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>  // jpeglib.h needs it

namespace papilio::data {
namespace {

// Smoothed colours need their neighbours: a part is decoded with this many pixels more on each
// side.
constexpr int64_t kMargin = 16;

// libjpeg reports a failure by a call that must not return, and C code can't be unwound by an
// exception: error_exit() jumps back to guarded(). Nothing between the two may need a destructor.
class Decompressor {
 public:
  explicit Decompressor(const std::string& name) : name_(name) {
    info_.err = jpeg_std_error(&errors_);
    info_.client_data = this;
    errors_.error_exit = [](j_common_ptr info) {
      auto* self = static_cast<Decompressor*>(info->client_data);
      info->err->format_message(info, self->message_);
      std::longjmp(self->jump_, 1);
    };
    // Warnings are for colours that may be off: other readers take such pictures, too.
    errors_.emit_message = [](j_common_ptr, int) {};
    errors_.output_message = [](j_common_ptr) {};
    guarded([this] { jpeg_create_decompress(&info_); });
  }
  ~Decompressor() { jpeg_destroy_decompress(&info_); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  // Returns the first column that rows will have: at or before `part`'s.
  int64_t start(std::span<const std::byte> bytes, const JpegPart& part) {
    auto left = static_cast<JDIMENSION>(std::max<int64_t>(0, part.left - kMargin));
    guarded([&] {
      jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
      jpeg_read_header(&info_, TRUE);
      info_.scale_num = static_cast<unsigned>(part.eighths);
      info_.scale_denom = 8;
      info_.out_color_space = info_.num_components == 4 ? JCS_CMYK : JCS_RGB;
      jpeg_start_decompress(&info_);
      const auto end = static_cast<JDIMENSION>(
          std::min<int64_t>(info_.output_width, part.left + part.width + kMargin));
      JDIMENSION width = end - left;
      if (width < info_.output_width) jpeg_crop_scanline(&info_, &left, &width);
      if (part.top > 0) jpeg_skip_scanlines(&info_, static_cast<JDIMENSION>(part.top));
    });
    return left;
  }
  int channels() const { return info_.output_components; }
  int64_t width() const { return info_.output_width; }
  bool inverted() const { return info_.saw_Adobe_marker; }

  void read_row(uint8_t* row) {
    guarded([&] { jpeg_read_scanlines(&info_, &row, 1); });
  }

 private:
  template <class Body>
  void guarded(Body body) {
    if (setjmp(jump_) != 0) throw DamagedPicture(concat(name_, ": ", message_));
    body();
  }

  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  std::jmp_buf jump_{};
  char message_[JMSG_LENGTH_MAX] = {};
  const std::string& name_;
};

void cmyk_to_rgb(const uint8_t* cmyk, int64_t count, bool inverted, uint8_t* rgb) {
  for (int64_t i = 0; i < count; ++i)
    for (int64_t c = 0; c < 3; ++c) {
      const int ink = cmyk[4 * i + c], black = cmyk[4 * i + 3];
      const int product = inverted ? ink * black : (255 - ink) * (255 - black);
      rgb[3 * i + c] = static_cast<uint8_t>((product + 127) / 255);
    }
}

}  // namespace

bool have_jpeg_turbo() { return true; }

Picture decode_jpeg_turbo(std::span<const std::byte> bytes, const std::string& name,
                          const JpegPart& part) {
  Decompressor decompressor(name);
  const int64_t skipped = part.left - decompressor.start(bytes, part);
  const int channels = decompressor.channels();
  check_picture((channels == 3 || channels == 4) && skipped >= 0 &&
                    decompressor.width() >= skipped + part.width,
                name, ": its colours can't be read; convert it");
  Picture picture{part.height, part.width, {}};
  picture.levels.resize(static_cast<size_t>(3 * part.height * part.width));
  std::vector<uint8_t> row(static_cast<size_t>(channels * decompressor.width()));
  for (int64_t y = 0; y < part.height; ++y) {
    uint8_t* out = picture.levels.data() + 3 * part.width * y;
    decompressor.read_row(row.data());
    if (channels == 3)
      std::copy_n(row.data() + 3 * skipped, 3 * part.width, out);
    else
      cmyk_to_rgb(row.data() + 4 * skipped, part.width, decompressor.inverted(), out);
  }
  return picture;
}

}  // namespace papilio::data

#else

namespace papilio::data {

bool have_jpeg_turbo() { return false; }

Picture decode_jpeg_turbo(std::span<const std::byte>, const std::string& name, const JpegPart&) {
  fail(name, ": this Papilio was built without libjpeg-turbo");
}

}  // namespace papilio::data

#endif
