#include "papilio/data/image_folder.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <span>
#include <utility>

#include "papilio/core/log.h"
#include "papilio/data/augment.h"
#include "papilio/data/decode_image.h"
#include "papilio/data/folder_layout.h"
#include "papilio/data/picture_file.h"
#include "papilio/data/picture_input.h"
#include "papilio/data/resize_image.h"

namespace papilio::data {
namespace {

enum class Augment { imagenet, pad_crop, none };

Augment augment_of(const std::string& name) {
  if (name == "imagenet") return Augment::imagenet;
  if (name == "pad-crop") return Augment::pad_crop;
  check(name == "none", "image folder: there is no augmentation ", name,
        "; the valid ones are imagenet, pad-crop, none");
  return Augment::none;
}

// The plain image of a picture that is still encoded: only what it needs is decoded.
void write_plain(const EncodedPicture& encoded, const PictureInput& input, float* rgb) {
  Resize how = input.centre(encoded.height(), encoded.width());
  const Box wanted = needed(how);
  const PicturePart part = encoded.decode_part(wanted);
  how.box.top += part.box.top - wanted.top;
  how.box.left += part.box.left - wanted.left;
  resize(part.picture, how, rgb);
}

// The image moved by up to an eighth of its size, perhaps flipped.
void move(float* rgb, int64_t height, int64_t width, Rng key) {
  const auto shift = [&](int64_t size, uint64_t index) {
    return key.below(2 * (size / 8) + 1, index) - size / 8;
  };
  const int64_t down = shift(height, 0), right = shift(width, 1);
  const bool flip = key.below(2, 2) == 1;
  const std::vector<float> from(rgb, rgb + 3 * height * width);
  std::fill_n(rgb, from.size(), 0.0f);
  for (int64_t y = std::max<int64_t>(0, down); y < std::min(height, height + down); ++y)
    for (int64_t x = std::max<int64_t>(0, right); x < std::min(width, width + right); ++x)
      std::copy_n(&from[static_cast<size_t>(3 * ((y - down) * width + x - right))], 3,
                  rgb + 3 * (y * width + (flip ? width - 1 - x : x)));
}

void to_grayscale(const float* rgb, int64_t count, float* pixels) {
  for (int64_t i = 0; i < count; ++i)
    pixels[i] = (rgb[3 * i] + rgb[3 * i + 1] + rgb[3 * i + 2]) / 3;
}

// Lets `write` fill an image of three channels, and brings it to the number that is wanted.
template <class Write>
void with_channels(const PictureInput& input, float* pixels, Write write) {
  if (input.channels == 3) return write(pixels);
  const int64_t count = input.height * input.width;
  std::vector<float> rgb(static_cast<size_t>(3 * count));
  write(rgb.data());
  to_grayscale(rgb.data(), count, pixels);
}

}  // namespace

struct ImageFolder::State {
  State(const std::string& directory, Split split, const Config& config, const FolderOptions& o)
      : options(o),
        augment(augment_of(o.augment)),
        input(PictureInput::from(config, augment == Augment::imagenet)),
        layout(read_layout(directory, split, o.index)),
        info{.name = concat("imagenet ", text(split)),
             .classes = layout.names,
             .input = input.to_config()},
        found_damaged(static_cast<size_t>(layout.listing.size())),
        cache(seems_to_fit() ? static_cast<size_t>(layout.listing.size()) : 0) {}
  ~State() {
    for (const auto& picture : cache) delete picture.load();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  std::string path(int64_t i) const {
    const FolderListing& all = layout.listing;
    const auto& folder = all.classes()[static_cast<size_t>(all.label(i))].name;
    return concat(layout.folder, "/", folder, "/", all.file(i));
  }

  // Calls use(picture) for a readable one, an EncodedPicture or a Picture, and returns its label.
  // Where a damaged one is replaced depends on nothing but the files: not on what was read before.
  template <class Use>
  int64_t read(int64_t i, Use use) const {
    const auto place = layout.listing.label(i);
    const int64_t begin = layout.listing.classes()[static_cast<size_t>(place)].begin;
    const int64_t count = layout.listing.end_of(place) - begin;
    for (int64_t tried = 0; tried < count; ++tried) {
      const int64_t at = begin + (i - begin + tried) % count;
      try {
        read_one(at, use);
        return layout.labels[static_cast<size_t>(place)];
      } catch (const DamagedPicture& error) {
        check(!options.strict, error.what());
        report(at, error.what());
      }
    }
    fail("image folder: none of the ", count, " pictures in '", layout.folder, "/",
         layout.listing.classes()[static_cast<size_t>(place)].name, "' can be read");
  }

  int64_t damaged() const { return damaged_count; }

  const FolderOptions options;
  const Augment augment;
  const PictureInput input;
  const FolderLayout layout;
  const DatasetInfo info;

 private:
  DecodeOptions decode_options() const {
    return {.apply_exif = input.exif, .stb_only = options.stb_only};
  }

  template <class Use>
  void with_encoded(int64_t i, Use use) const {
    const std::string name = path(i), bytes = read_picture_file(name);
    use(EncodedPicture(std::as_bytes(std::span(bytes)), name, decode_options()));
  }

  // With a cache every picture is decoded whole, kept or not: the result must not depend on which
  // of them happened to be kept.
  template <class Use>
  void read_one(int64_t i, Use use) const {
    if (cache.empty()) return with_encoded(i, use);
    std::atomic<const Picture*>& kept = cache[static_cast<size_t>(i)];
    if (const Picture* picture = kept.load(std::memory_order_acquire)) return use(*picture);
    with_encoded(i, [&](const EncodedPicture& encoded) {
      auto picture = std::make_unique<const Picture>(encoded.decode());
      use(*picture);
      const auto size = static_cast<int64_t>(picture->levels.size());
      if (cached_bytes.fetch_add(size) + size > options.cache_bytes) {
        cached_bytes -= size;
        return;
      }
      const Picture* none = nullptr;
      if (kept.compare_exchange_strong(none, picture.get(), std::memory_order_acq_rel))
        static_cast<void>(picture.release());
      else
        cached_bytes -= size;  // another thread was faster
    });
  }

  // From the sizes of a few pictures, the same ones every time.
  bool seems_to_fit() const {
    constexpr int64_t kSample = 64;
    const int64_t count = layout.listing.size(), sample = std::min(count, kSample);
    if (options.cache_bytes <= 0) return false;
    double bytes = 0;
    for (int64_t k = 0; k < sample; ++k) {
      try {
        with_encoded(count * k / sample, [&](const EncodedPicture& encoded) {
          bytes += 3.0 * static_cast<double>(encoded.height() * encoded.width());
        });
      } catch (const DamagedPicture&) {  // reported when it is its turn
      }
    }
    return bytes * static_cast<double>(count) <=
           static_cast<double>(options.cache_bytes) * static_cast<double>(sample);
  }

  void report(int64_t i, const char* why) const {
    if (found_damaged[static_cast<size_t>(i)].exchange(true)) return;
    ++damaged_count;
    logging::warning(
        concat("image folder: a damaged picture, replaced by the next of its class: ", why));
  }

  mutable std::vector<std::atomic<bool>> found_damaged;
  mutable std::atomic<int64_t> damaged_count = 0;
  mutable std::vector<std::atomic<const Picture*>> cache;  // empty: none is kept
  mutable std::atomic<int64_t> cached_bytes = 0;
};

namespace {

// What `read` of ImageFolder::State gives: write_plain() for both forms of a picture.
struct Plain {
  const PictureInput& input;
  float* rgb;

  void operator()(const EncodedPicture& encoded) const { write_plain(encoded, input, rgb); }
  void operator()(const Picture& picture) const {
    resize(picture, input.centre(picture.height, picture.width), rgb);
  }
};

struct Cropped {
  const PictureInput& input;
  Rng key;
  float* rgb;

  void operator()(const EncodedPicture& encoded) const {
    const Box box = random_resized_crop(encoded.height(), encoded.width(), key);
    const PicturePart part = encoded.decode_part(box, input.height, input.width);
    write(part.picture, part.box);
  }
  void operator()(const Picture& picture) const {
    write(picture, random_resized_crop(picture.height, picture.width, key));
  }

 private:
  void write(const Picture& picture, const Box& box) const {
    resize(picture,
           {.box = box,
            .box_height = input.height,
            .box_width = input.width,
            .flip = key.split("flip").below(2, 0) == 1},
           rgb);
  }
};

}  // namespace

ImageFolder::ImageFolder(const std::string& directory, Split split, const Config& input,
                         const FolderOptions& options)
    : state_(std::make_shared<const State>(directory, split, input, options)) {}

int64_t ImageFolder::size() const { return state_->layout.listing.size(); }
const DatasetInfo& ImageFolder::info() const { return state_->info; }
Shape ImageFolder::image_shape() const { return state_->input.shape(); }
const std::vector<std::string>& ImageFolder::wnids() const { return state_->layout.classes; }
int64_t ImageFolder::damaged() const { return state_->damaged(); }

std::string ImageFolder::path(int64_t i) const {
  check(i >= 0 && i < size(), info().name, ": there is no picture ", i, "; it has ", size());
  return state_->path(i);
}

Example ImageFolder::get(int64_t i) const {
  Tensor image(image_shape());
  const int64_t label = copy_to(i, image.mutable_data<float>());
  return {std::move(image), label};
}

int64_t ImageFolder::copy_to(int64_t i, float* pixels) const {
  int64_t label = 0;
  with_channels(state_->input, pixels, [&](float* rgb) {
    label = state_->read(i, Plain{state_->input, rgb});
  });
  return label;
}

int64_t ImageFolder::draw(int64_t i, Rng key, float* pixels) const {
  const PictureInput& input = state_->input;
  const FolderOptions& o = state_->options;
  int64_t label = 0;
  with_channels(input, pixels, [&](float* rgb) {
    label = state_->augment == Augment::imagenet
                ? state_->read(i, Cropped{input, key.split("crop"), rgb})
                : state_->read(i, Plain{input, rgb});
    if (state_->augment == Augment::pad_crop)
      move(rgb, input.height, input.width, key.split("move"));
    jitter_colours(rgb, input.height * input.width, {o.brightness, o.contrast, o.saturation},
                   key.split("colours"));
  });
  return label;
}

Tensor read_picture(const std::string& path, const Config& config) {
  const PictureInput input = PictureInput::from(config, true);
  const std::string bytes = read_picture_file(path);
  const EncodedPicture encoded(std::as_bytes(std::span(bytes)), path, {.apply_exif = input.exif});
  Tensor image(input.shape());
  with_channels(input, image.mutable_data<float>(),
                [&](float* rgb) { write_plain(encoded, input, rgb); });
  return image;
}

Statistics imagenet_statistics(const Config& input) {
  Statistics result{Tensor({3}), Tensor({3}), input};
  constexpr float kMean[] = {0.485f, 0.456f, 0.406f}, kDeviation[] = {0.229f, 0.224f, 0.225f};
  std::copy_n(kMean, 3, result.mean.mutable_data<float>());
  std::copy_n(kDeviation, 3, result.deviation.mutable_data<float>());
  return result;
}

}  // namespace papilio::data
