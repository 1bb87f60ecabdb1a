// The options that trainers of colour pictures have, and the data sets that they open.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "papilio/apps/common/training.h"
#include "papilio/data/dataset.h"
#include "papilio/data/statistics.h"
#include "papilio/data/transforms.h"

namespace papilio::apps {

struct PictureOptions {
  int64_t image_size = 0;    ///< 0: 224 of folders, else the data set's
  std::string augment = {};  ///< empty: "imagenet" of folders, else "pad-crop"
  double colour_jitter = 0;  ///< folders only
  bool strict_data = false, apply_exif = false;
};

/// Adds --image-size --augment --colour-jitter --strict-data --apply-exif.
void add_pictures(CLI::App& app, PictureOptions& options);

struct Pictures {
  data::AnyDataset train, validation, test;
  data::Statistics statistics;  ///< per channel
  int64_t size;                 ///< height and width
  std::string augment;
  std::vector<data::Transform> transforms;  ///< after the data set's own augmentation
};

/// Opens --data: "imagenet:DIR", whose listing is kept in files beside --out, or any set of
/// square colour images that data::open() knows.
Pictures open_pictures(const TrainingOptions& training, const PictureOptions& options);

}  // namespace papilio::apps
