#include "papilio/apps/common/pictures.h"

#include <filesystem>

#include "papilio/apps/common/app.h"
#include "papilio/core/log.h"
#include "papilio/data/image_folder.h"
#include "papilio/data/open.h"

namespace papilio::apps {
namespace {

constexpr std::string_view kFolder = "imagenet:";

Config input_of(const PictureOptions& o) {
  Config input = {{"channels", 3}};
  if (o.image_size > 0) input["height"] = o.image_size, input["width"] = o.image_size;
  return input;
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

Pictures open_folders(const TrainingOptions& training, const PictureOptions& o) {
  const std::string directory = training.data.substr(kFolder.size());
  const std::string augment = o.augment.empty() ? "imagenet" : o.augment;
  Config input = input_of(o);
  input["exif"] = o.apply_exif;
  const std::string out = without_slash(training.out);
  if (const auto parent = std::filesystem::path(out).parent_path(); !parent.empty())
    std::filesystem::create_directories(parent);
  const data::FolderOptions folder{.augment = augment,
                                   .brightness = o.colour_jitter,
                                   .contrast = o.colour_jitter,
                                   .saturation = o.colour_jitter,
                                   .strict = o.strict_data,
                                   .index = out + ".pictures"};
  const auto open = [&](data::Split split) {
    return data::ImageFolder(directory, split, input, folder);
  };
  const data::ImageFolder train = open(data::Split::train);
  const auto [part, validation] = apps::split(train, training);
  return {part,
          validation,
          open(data::Split::test),
          data::imagenet_statistics(train.info().input),
          train.image_shape()[0],
          augment,
          {}};
}

Pictures open_set(const TrainingOptions& training, const PictureOptions& o) {
  const std::string augment = o.augment.empty() ? "pad-crop" : o.augment;
  check(augment != "imagenet", "--augment imagenet is for --data imagenet:DIR; use pad-crop");
  check(o.colour_jitter == 0 && !o.apply_exif && !o.strict_data,
        "--colour-jitter, --apply-exif and --strict-data are for --data imagenet:DIR");
  const Config input = input_of(o);
  const data::AnyDataset all = data::open(training.data, data::Split::train, input);
  const Shape image = all.image_shape().value_or(all.get(0).image.shape());
  check(image.rank() == 3 && image[0] == image[1] && image[2] == 3, "'", training.data,
        "' has images ", image, ", square ones with 3 channels are needed");
  const auto [part, validation] = apps::split(all, training);
  data::Statistics statistics = data::channel_statistics(part);
  statistics.input["resize"] = image[0];  // classify takes pictures of other sizes whole
  std::vector<data::Transform> transforms;
  if (augment == "pad-crop") transforms = {data::random_crop(image[0] / 8), data::random_flip()};
  return {part,       validation, data::open(training.data, data::Split::test, input),
          statistics, image[0],   augment,
          transforms};
}

}  // namespace

void add_pictures(CLI::App& app, PictureOptions& o) {
  app.add_option("--image-size", o.image_size, "Height and width of the network's input")
      ->default_str("224 of folders, else the set's own");
  app.add_option("--augment", o.augment,
                 "Of training images: imagenet (random part, resized, flipped), pad-crop (moved by "
                 "up to an eighth, flipped) or none")
      ->check(CLI::IsMember({"imagenet", "pad-crop", "none"}))
      ->default_str("imagenet of folders, else pad-crop");
  app.add_option("--colour-jitter", o.colour_jitter,
                 "By how much brightness, contrast and saturation change, such as 0.4")
      ->check(not_negative())
      ->capture_default_str();
  app.add_flag("--strict-data", o.strict_data,
               "A damaged picture ends the run; else it is named and another of its class taken");
  app.add_flag("--apply-exif", o.apply_exif, "Turn pictures upright as their Exif block says");
}

Pictures open_pictures(const TrainingOptions& training, const PictureOptions& options) {
  Pictures all = training.data.starts_with(kFolder) ? open_folders(training, options)
                                                    : open_set(training, options);
  logging::info(concat("data ", all.train.info().name, ": ", all.train.size(), " training, ",
                       all.validation.size(), " validation, ", all.test.size(), " test images of ",
                       all.size, " x ", all.size, ", augmentation ", all.augment));
  return all;
}

}  // namespace papilio::apps
