#include "papilio/data/idx.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "papilio/core/file.h"
#include "papilio/data/gzip.h"

namespace papilio::data {
namespace {

constexpr int64_t kMaxPad = 1024;

uint32_t big_endian(std::span<const std::byte> bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint32_t>(bytes[at + i]);
  return value;
}

std::string hex(uint32_t value) {
  std::string digits = "0x";
  for (int shift = 28; shift >= 0; shift -= 4) digits += "0123456789abcdef"[value >> shift & 15];
  return digits;
}

// Views `bytes`, or unpacks at most `limit` bytes of them.
struct Content {
  Content(std::span<const std::byte> bytes, size_t limit, const std::string& name) : view(bytes) {
    if (!is_gzip(bytes)) return;
    unpacked = gunzip(bytes, limit, name);
    view = std::as_bytes(std::span(unpacked));
  }
  Content(const Content&) = delete;
  Content& operator=(const Content&) = delete;

  std::string unpacked;
  std::span<const std::byte> view;
};

template <size_t rank>
struct Header {
  static constexpr size_t kBytes = 4 * (rank + 1);

  Header(std::span<const std::byte> bytes, const std::string& name) {
    const Content start(bytes, kBytes, name);
    check(start.view.size() >= kBytes, name, ": it has ", start.view.size(),
          " bytes, an IDX header has ", kBytes, ": it is truncated; fetch it again");
    const uint32_t magic = big_endian(start.view, 0);
    check(magic == (0x800 | rank), name, ": its magic number is ", hex(magic), ", expected ",
          hex(0x800 | rank), " (unsigned bytes, ", rank, " dimensions); is it the ",
          rank == 3 ? "images" : "labels", " file?");
    // What the bytes can hold at most bounds the claim before anything of its size is allocated.
    const int64_t most =
        static_cast<int64_t>(bytes.size()) * (is_gzip(bytes) ? kGzipRatio : int64_t{1});
    for (size_t i = 0; i < rank; ++i) {
      sizes[i] = big_endian(start.view, 4 * (i + 1));
      check(sizes[i] > 0, name, ": size ", i, " of its header is 0, expected at least 1");
      check(sizes[i] <= most / total, name, ": its header claims more data than the file's ",
            bytes.size(), " bytes can hold: it is truncated or corrupt; fetch it again");
      total *= sizes[i];
    }
  }

  std::array<int64_t, rank> sizes{};
  int64_t total = 1;
};

template <size_t rank>
std::span<const uint8_t> values(const Content& content, const Header<rank>& header,
                                const std::string& name) {
  const auto expected = header.kBytes + static_cast<size_t>(header.total);
  check(content.view.size() == expected, name, ": it has ",
        content.view.size() > expected ? "more" : "less", " than the ", expected,
        " bytes that its header claims: it is oversized or truncated; fetch it again");
  return {reinterpret_cast<const uint8_t*>(content.view.data()) + header.kBytes,
          static_cast<size_t>(header.total)};
}

// One byte more than claimed is unpacked, so that an oversized file shows.
template <size_t rank>
size_t unpack_limit(const Header<rank>& header) {
  return header.kBytes + static_cast<size_t>(header.total) + 1;
}

std::vector<uint8_t> padded(std::span<const uint8_t> images, int64_t count, int64_t height,
                            int64_t width, int64_t pad) {
  const int64_t wide = width + 2 * pad, high = height + 2 * pad;
  std::vector<uint8_t> levels(static_cast<size_t>(count * high * wide));
  for (int64_t i = 0; i < count; ++i)
    for (int64_t y = 0; y < height; ++y)
      std::copy_n(images.data() + (i * height + y) * width, width,
                  levels.data() + (i * high + pad + y) * wide + pad);
  return levels;
}

std::vector<std::string> numbered(int64_t count) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

std::vector<std::string> checked_classes(const std::vector<int64_t>& labels,
                                         const std::vector<std::string>& classes,
                                         const std::string& name) {
  if (classes.empty()) return numbered(*std::max_element(labels.begin(), labels.end()) + 1);
  for (size_t i = 0; i < labels.size(); ++i)
    check(labels[i] < static_cast<int64_t>(classes.size()), name, ": label ", i, " is ", labels[i],
          ", expected 0 to ", classes.size() - 1, ": it is corrupt or of another data set");
  return classes;
}

struct Source {
  std::string name;
  std::span<const std::byte> bytes;
};

ImageSet parse(const Source& images, const Source& labels, const std::string& set,
               const IdxOptions& options) {
  check(options.pad >= 0 && options.pad <= kMaxPad, "idx: pad is ", options.pad, ", expected 0 to ",
        kMaxPad);
  const Header<3> header(images.bytes, images.name);
  const auto [count, height, width] = header.sizes;
  const Header<1> labels_header(labels.bytes, labels.name);
  check(labels_header.total == count, images.name, ": it has ", count, " images and ", labels.name,
        " has ", labels_header.total,
        " labels, they must be equally many; take two files of one set");
  const Content content(images.bytes, unpack_limit(header), images.name);
  const auto levels = values(content, header, images.name);
  const Content labels_content(labels.bytes, unpack_limit(labels_header), labels.name);
  const auto bytes = values(labels_content, labels_header, labels.name);
  std::vector<int64_t> found(bytes.begin(), bytes.end());
  auto classes = checked_classes(found, options.classes, labels.name);
  const Shape shape{height + 2 * options.pad, width + 2 * options.pad, 1};
  return ImageSet(
      {.name = set, .classes = std::move(classes), .input = input_contract(shape, options.pad)},
      shape, padded(levels, count, height, width, options.pad), std::move(found));
}

ImageSet read(const std::string& images_path, const std::string& labels_path,
              const std::string& set, const IdxOptions& options) {
  const std::string images = read_file(images_path), labels = read_file(labels_path);
  return parse({images_path, std::as_bytes(std::span(images))},
               {labels_path, std::as_bytes(std::span(labels))}, set, options);
}

// The plain file when both are there.
std::string find(const std::string& set, const std::string& directory, const std::string& name,
                 const std::string& remedy) {
  for (const char* ending : {"", ".gz"}) {
    std::string path = concat(directory, "/", name, ending);
    if (std::filesystem::exists(path)) return path;
  }
  fail(set, ": there is no file ", directory, "/", name, " or ", name, ".gz; ", remedy);
}

ImageSet family(const std::string& set, const std::string& directory, Split split,
                IdxOptions options, std::vector<std::string> classes, const std::string& remedy) {
  check(std::filesystem::is_directory(directory), set, ": there is no directory ", directory, "; ",
        remedy);
  if (options.classes.empty()) options.classes = std::move(classes);
  const std::string part = split == Split::train ? "train" : "t10k";
  const std::string images = find(set, directory, part + "-images-idx3-ubyte", remedy);
  const std::string labels = find(set, directory, part + "-labels-idx1-ubyte", remedy);
  return read(images, labels, concat(set, " ", text(split)), options);
}

}  // namespace

ImageSet parse_idx(std::span<const std::byte> images, std::span<const std::byte> labels,
                   const std::string& images_name, const std::string& labels_name,
                   const IdxOptions& options) {
  return parse({images_name, images}, {labels_name, labels}, images_name, options);
}

ImageSet idx(const std::string& images_path, const std::string& labels_path,
             const IdxOptions& options) {
  return read(images_path, labels_path, std::filesystem::path(images_path).filename().string(),
              options);
}

ImageSet mnist(const std::string& directory, Split split, const IdxOptions& options) {
  return family("mnist", directory, split, options, numbered(10),
                "give the folder of the four MNIST files");
}

ImageSet fashion_mnist(const std::string& directory, Split split, const IdxOptions& options) {
  return family("fashion-mnist", directory, split, options,
                {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt",
                 "Sneaker", "Bag", "Ankle boot"},
                "install Debian's package dataset-fashion-mnist or give the folder of the files");
}

}  // namespace papilio::data
