// Mean and deviation of the pixels of a data set, for a model's first layer or the transform
// normalise().
#pragma once

#include "papilio/core/tensor.h"
#include "papilio/data/dataset.h"

namespace papilio::data {

/// f32; the population deviation (divided by the count). What never varies has deviation 1.
struct Statistics {
  Tensor mean, deviation;
  /// DatasetInfo::input of the data set: what images these are statistics of.
  Config input = Config();
};

/// Per feature: [height * width * channels]. Computed in double, with the same bits for any number
/// of threads. Throws Error when the set is empty or its images differ in shape.
Statistics statistics(const AnyDataset& dataset);

/// Per channel: [channels].
Statistics channel_statistics(const AnyDataset& dataset);

}  // namespace papilio::data
