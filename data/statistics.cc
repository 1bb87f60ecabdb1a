#include "papilio/data/statistics.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "papilio/core/threads.h"

namespace papilio::data {
namespace {

constexpr int64_t kChunks = 16;

// Sums of differences from a first value: small, so that nothing cancels, and exactly 0 for what
// never varies.
struct Moments {
  explicit Moments(int64_t features)
      : sum(static_cast<size_t>(features)), square(static_cast<size_t>(features)) {}

  std::vector<double> sum, square;
};

struct Features {
  Shape shape;
  std::vector<double> mean, variance;
};

void check_shape(const AnyDataset& dataset, int64_t i, const Shape& found, const Shape& expected) {
  check(found == expected, "statistics: image ", i, " of ", dataset.info().name, " is ", found,
        ", the first is ", expected, "; they must have one shape");
}

// Writes image i to `scratch`, or finds it in `keep`.
const float* pixels(const AnyDataset& dataset, int64_t i, const Shape& shape,
                    std::vector<float>& scratch, Example& keep) {
  if (dataset.image_shape()) {
    dataset.copy_to(i, scratch.data());
    return scratch.data();
  }
  keep = dataset.get(i);
  check_shape(dataset, i, keep.image.shape(), shape);
  return keep.image.data<float>();
}

Features features(const AnyDataset& dataset, int64_t most) {
  const int64_t count = std::min(dataset.size(), most);
  check(dataset.size() > 0, "statistics: ", dataset.info().name, " is empty");
  check(most > 0, "statistics: of at most ", most, " examples, at least 1 is needed");
  const Example first = dataset.get(0);
  const Shape shape = first.image.shape();
  const int64_t size = shape.numel();
  const float* origin = first.image.data<float>();
  std::vector<Moments> chunks(kChunks, Moments(size));
  parallel_for(kChunks, [&](int64_t begin, int64_t end) {
    std::vector<float> scratch(static_cast<size_t>(size));
    Example keep;
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      double* sum = chunks[static_cast<size_t>(chunk)].sum.data();
      double* square = chunks[static_cast<size_t>(chunk)].square.data();
      for (int64_t i = count * chunk / kChunks; i < count * (chunk + 1) / kChunks; ++i) {
        const int64_t example = dataset.size() * i / count;
        const float* x = pixels(dataset, example, shape, scratch, keep);
        for (int64_t k = 0; k < size; ++k) {
          const double d = static_cast<double>(x[k]) - static_cast<double>(origin[k]);
          sum[k] += d;
          square[k] += d * d;
        }
      }
    }
  });
  Features result{shape, std::vector<double>(static_cast<size_t>(size)),
                  std::vector<double>(static_cast<size_t>(size))};
  const auto n = static_cast<double>(count);
  for (size_t k = 0; k < static_cast<size_t>(size); ++k) {
    double sum = 0, square = 0;
    for (const Moments& chunk : chunks) sum += chunk.sum[k], square += chunk.square[k];
    result.mean[k] = static_cast<double>(origin[k]) + sum / n;
    result.variance[k] = std::max(0.0, square - sum * sum / n) / n;
  }
  return result;
}

Statistics packed(const std::vector<double>& mean, const std::vector<double>& variance,
                  const AnyDataset& dataset) {
  const auto size = static_cast<int64_t>(mean.size());
  Statistics result{Tensor({size}), Tensor({size}), dataset.info().input};
  float* means = result.mean.mutable_data<float>();
  float* deviations = result.deviation.mutable_data<float>();
  for (size_t k = 0; k < mean.size(); ++k) {
    means[k] = static_cast<float>(mean[k]);
    const auto deviation = static_cast<float>(std::sqrt(variance[k]));
    deviations[k] = deviation > 0 ? deviation : 1.0f;
  }
  return result;
}

}  // namespace

Statistics neutral_statistics(int64_t count, Config input) {
  return {Tensor::zeros({count}), Tensor::full({count}, 1), std::move(input)};
}

Statistics statistics(const AnyDataset& dataset, int64_t most) {
  const Features all = features(dataset, most);
  return packed(all.mean, all.variance, dataset);
}

Statistics channel_statistics(const AnyDataset& dataset, int64_t most) {
  const Features all = features(dataset, most);
  const auto channels = static_cast<size_t>(all.shape[-1]);
  const double places = static_cast<double>(all.mean.size()) / static_cast<double>(channels);
  std::vector<double> mean(channels), variance(channels);
  for (size_t c = 0; c < channels; ++c) {
    double shift = 0, spread = 0, within = 0;
    for (size_t k = c; k < all.mean.size(); k += channels) {
      const double d = all.mean[k] - all.mean[c];
      shift += d, spread += d * d, within += all.variance[k];
    }
    mean[c] = all.mean[c] + shift / places;
    // The variance within each place and the variance of the places' means.
    variance[c] = (within + std::max(0.0, spread - shift * shift / places)) / places;
  }
  return packed(mean, variance, dataset);
}

}  // namespace papilio::data
