// Mean and deviation of the pixels of a data set, for a model's first layer or the transform
// normalise().
#pragma once

#include <cstdint>
#include <limits>

#include "papilio/core/tensor.h"
#include "papilio/data/dataset.h"

namespace papilio::data {

/// f32; the population deviation (divided by the count). What never varies has deviation 1.
struct Statistics {
  Tensor mean, deviation;
  /// DatasetInfo::input of the data set: what images these are statistics of.
  Config input = Config();
};

/// Mean 0 and deviation 1 of so many features or channels: what a model has before it knows its
/// data.
Statistics neutral_statistics(int64_t count, Config input = Config());

/// For `most`: every example counts.
inline constexpr int64_t kAllExamples = std::numeric_limits<int64_t>::max();

/// Per feature: [height * width * channels]. Computed in double, with the same bits for any number
/// of threads. Of a set of more than `most` examples it takes so many, evenly spaced: 10,000 say
/// enough of pictures that are slow to read. Throws Error when the set is empty, `most` is below 1,
/// or the images differ in shape.
Statistics statistics(const AnyDataset& dataset, int64_t most = kAllExamples);

/// Per channel: [channels].
Statistics channel_statistics(const AnyDataset& dataset, int64_t most = kAllExamples);

}  // namespace papilio::data
