// stb_image is compiled here rather than taken from Debian's libstb.so: there a hostile JPEG ends
// the program by an assert(), because a scan may use tables that the file never defined and that
// lie in memory which nobody has set. Here memory begins as zeros, in which every such table reads
// as one harmless code and the result is the same every time; and a failed assertion is an
// exception, which leaks what stb_image held.

#include "papilio/data/decode_stb.h"

#include <cstdlib>
#include <limits>
#include <memory>

#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_MALLOC(size) std::calloc(1, size)
#define STBI_REALLOC(memory, size) std::realloc(memory, size)
#define STBI_FREE(memory) std::free(memory)
#define STBI_ASSERT(ok) papilio::data::check_picture(ok, "stb_image gave up on a damaged picture")
#include <stb/stb_image.h>

namespace papilio::data {

Picture decode_stb(std::span<const std::byte> bytes, const std::string& name,
                   const PictureHeader& header) {
  check_picture(bytes.size() <= std::numeric_limits<int>::max(), name, ": it has ", bytes.size(),
                " bytes, too many for a picture");
  check_picture(header.format != PictureFormat::jpeg || header.channels != 4 || header.adobe, name,
                ": it has four colours and no Adobe marker, which stb_image can't read; convert it "
                "or build with libjpeg-turbo");
  int width = 0, height = 0, channels = 0;
  const std::unique_ptr<uint8_t, void (*)(void*)> levels(
      stbi_load_from_memory(reinterpret_cast<const uint8_t*>(bytes.data()),
                            static_cast<int>(bytes.size()), &width, &height, &channels, 3),
      stbi_image_free);
  check_picture(levels != nullptr, name, ": it can't be decoded (", stbi_failure_reason(),
                "): it is damaged or of an unusual kind; fetch it again or convert it");
  check_picture(width == header.width && height == header.height, name,
                ": its size is not the one its header says: it is damaged; fetch it again");
  const auto count = size_t{3} * static_cast<size_t>(width) * static_cast<size_t>(height);
  return {height, width, {levels.get(), levels.get() + count}};
}

}  // namespace papilio::data
