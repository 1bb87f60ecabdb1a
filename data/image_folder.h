// Folders of pictures in ImageNet's official layout, ready for all 1.28 million of them:
//   DIR/train/<wnid>/*.JPEG    DIR/val/<wnid>/*.JPEG    DIR/classes.tsv
// Any names of class folders will do, and .jpg, .jpeg and .png in any case. The label of a picture
// is the place of its class among the sorted class folders of train; classes.tsv, when it is there,
// gives names: rows "wnid <tab> names", or a header with the columns wnid and name.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "papilio/data/dataset.h"
#include "papilio/data/statistics.h"

namespace papilio::data {

struct FolderOptions {
  /// What draw() does to a picture: "imagenet" cuts out a random part of 8 % to 100 % of its area,
  /// resizes it and flips it half of the time (torchvision's RandomResizedCrop and
  /// RandomHorizontalFlip); "pad-crop" moves the plain image by up to an eighth of its size, fills
  /// up with zeros, and flips; "none".
  std::string augment = "imagenet";
  /// Then, for draw() too: by how much brightness, contrast and saturation may change, such as 0.4;
  /// torchvision's ColorJitter.
  double brightness = 0, contrast = 0, saturation = 0;
  /// A damaged picture is an Error. Otherwise it is named once in the log, counted by damaged(),
  /// and the next readable picture of its class stands in for it.
  bool strict = false;
  /// Keep the listing of the folder in a file of this name with ".train" or ".val" behind it, so
  /// that a big folder is not listed again until it changes; empty: list it every time.
  std::string index = {};
  /// Decoded pictures are kept in memory when all of them seem to fit in so many bytes; 0: never.
  int64_t cache_bytes = int64_t{1} << 30;
  /// JPEGs by stb_image even where libjpeg-turbo is there, which is faster.
  bool stb_only = false;
};

/// A DrawnDataset; copies share everything. Pictures of every size and kind become images of one:
/// grey is repeated, alpha dropped, CMYK multiplied out, of 16 bits the high byte is taken. get()
/// and copy_to() give the plain image: the short side is resized and the centre cut out.
class ImageFolder {
 public:
  /// `input` has keys of DatasetInfo::input: height and width (224), channels (3; 1 is the plain
  /// mean), resize (pixels of the short side before the centre is cut out: 256/224 of the size, or
  /// the size itself when `augment` is not "imagenet") and exif (true turns pictures upright as
  /// their Exif block says; false). info().input has all of them. Throws Error that names the
  /// folder and says what to do when it has not the layout, a class folder is empty, or val has a
  /// class that train has not. Reads the sizes of 64 pictures at most.
  ImageFolder(const std::string& directory, Split split, const Config& input = Config::object(),
              const FolderOptions& options = {});

  int64_t size() const;
  // These throw Error, with the name of the file, when a picture is damaged and `strict`, or none
  // of its class can be read.
  Example get(int64_t i) const;
  int64_t copy_to(int64_t i, float* pixels) const;
  /// The augmented image: a function of i and the key, whatever was read before.
  int64_t draw(int64_t i, Rng key, float* pixels) const;

  const DatasetInfo& info() const;
  Shape image_shape() const;
  /// Names of the class folders by label.
  const std::vector<std::string>& wnids() const;
  /// Path of the i-th picture.
  std::string path(int64_t i) const;
  /// Different pictures found damaged so far.
  int64_t damaged() const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

/// One picture file as the model's input, f32 [height, width, channels] in [0, 1]: as get() makes
/// it for the same `input`, a checkpoint's. Throws Error that names the file.
Tensor read_picture(const std::string& path, const Config& input);

/// Mean and deviation of ImageNet's channels (0.485, 0.456, 0.406 and 0.229, 0.224, 0.225), which
/// everybody uses; `input` is the data set's.
Statistics imagenet_statistics(const Config& input);

}  // namespace papilio::data
