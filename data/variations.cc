#include "papilio/data/variations.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <utility>
#include <vector>

#include "papilio/core/kernels/normals.h"
#include "papilio/core/threads.h"

namespace papilio::data {
namespace {

using Pixels = std::vector<float>;  // of one square image

struct Counts {
  int64_t train, test;
};

// `draw` makes a new image of an old one with a key.
ImageSet vary(const AnyDataset& train, const AnyDataset& test, Counts most, Split split,
              const VariationOptions& options, const std::string& name,
              const std::function<Pixels(const Pixels&, int64_t side, Rng key)>& draw) {
  const auto shape = train.image_shape();
  check(shape && test.image_shape() == shape && (*shape)[0] == (*shape)[1] && (*shape)[2] == 1,
        name, ": '", train.info().name,
        "' must have gray square images of one size; MNIST and its family have");
  const int64_t side = (*shape)[0], wide = side + 2 * options.pad;
  const int64_t all = train.size() + test.size();
  const Counts counts{std::min(most.train, all * most.train / (most.train + most.test)),
                      std::min(most.test, all * most.test / (most.train + most.test))};
  check(counts.train > 0 && counts.test > 0, name, ": ", all, " images are too few to be split");
  const Rng rng = Rng(options.seed).split("variation");
  const std::vector<int64_t> order = rng.split("order").permutation(all);
  const int64_t begin = split == Split::train ? 0 : counts.train,
                count = split == Split::train ? counts.train : counts.test;

  std::vector<uint8_t> levels(static_cast<size_t>(count * wide * wide));
  std::vector<int64_t> labels(static_cast<size_t>(count));
  parallel_for(
      count,
      [&](int64_t first, int64_t last) {
        Pixels image(static_cast<size_t>(side * side));
        for (int64_t i = first; i < last; ++i) {
          const int64_t which = order[static_cast<size_t>(begin + i)];
          labels[static_cast<size_t>(i)] = which < train.size()
                                               ? train.copy_to(which, image.data())
                                               : test.copy_to(which - train.size(), image.data());
          const Pixels varied = draw(image, side, rng.split(static_cast<uint64_t>(which)));
          uint8_t* out = levels.data() + i * wide * wide + options.pad * wide + options.pad;
          for (int64_t k = 0; k < side * side; ++k)
            out[k / side * wide + k % side] =
                static_cast<uint8_t>(std::lround(255 * varied[static_cast<size_t>(k)]));
        }
      },
      16);
  DatasetInfo info{.name = name + " " + std::string(text(split)),
                   .classes = train.info().classes,
                   .input = input_contract({wide, wide, 1}, options.pad)};
  return ImageSet(std::move(info), {wide, wide, 1}, std::move(levels), std::move(labels));
}

void lay_over(Pixels& background, const Pixels& image) {
  for (size_t k = 0; k < image.size(); ++k) background[k] = std::max(background[k], image[k]);
}

// Bilinear, about the centre; zeros outside.
Pixels turned(const Pixels& image, int64_t side, double angle) {
  const double centre = static_cast<double>(side - 1) / 2, c = std::cos(angle), s = std::sin(angle);
  const auto pixel = [&](int64_t y, int64_t x) {
    const bool inside = y >= 0 && y < side && x >= 0 && x < side;
    return inside ? static_cast<double>(image[static_cast<size_t>(y * side + x)]) : 0.0;
  };
  Pixels result(image.size());
  for (int64_t y = 0; y < side; ++y)
    for (int64_t x = 0; x < side; ++x) {
      const double dy = static_cast<double>(y) - centre, dx = static_cast<double>(x) - centre;
      const double from_y = centre + c * dy + s * dx, from_x = centre - s * dy + c * dx;
      const double fy = std::floor(from_y), fx = std::floor(from_x), wy = from_y - fy,
                   wx = from_x - fx;
      const auto iy = static_cast<int64_t>(fy), ix = static_cast<int64_t>(fx);
      const double value = (1 - wy) * ((1 - wx) * pixel(iy, ix) + wx * pixel(iy, ix + 1)) +
                           wy * ((1 - wx) * pixel(iy + 1, ix) + wx * pixel(iy + 1, ix + 1));
      result[static_cast<size_t>(y * side + x)] = static_cast<float>(std::clamp(value, 0.0, 1.0));
    }
  return result;
}

// Writes the first normal numbers of a key.
using Normals = void (*)(Rng key, int64_t count, double* out);

void exact_normals(Rng key, int64_t count, double* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = key.normal(static_cast<uint64_t>(i));
}

// Gaussian numbers of variance 1 and covariance exp(-d^2 / (4 deviation^2)): white noise, smoothed
// in both directions by a Gaussian of that deviation.
std::vector<double> smooth_noise(int64_t side, double deviation, Rng key, Normals normals) {
  const auto radius = static_cast<int64_t>(std::ceil(3.5 * deviation));
  const int64_t taps = 2 * radius + 1, wide = side + 2 * radius;
  std::vector<double> weights;
  double squares = 0;
  for (int64_t t = -radius; t <= radius; ++t) {
    const double z = static_cast<double>(t) / deviation;
    weights.push_back(std::exp(-z * z / 2));
    squares += weights.back() * weights.back();
  }
  for (double& w : weights) w /= std::sqrt(squares);
  const auto at = [](int64_t i) { return static_cast<size_t>(i); };
  std::vector<double> rows(at(wide * side)), result(at(side * side)), white(at(wide * wide));
  normals(key, wide * wide, white.data());
  // Many sums side by side, each in the order of the taps.
  const auto add_row = [&](double weight, const double* from, double* to) {
    for (int64_t x = 0; x < side; ++x) to[x] += weight * from[x];
  };
  for (int64_t y = 0; y < wide; ++y)
    for (int64_t t = 0; t < taps; ++t)
      add_row(weights[at(t)], white.data() + y * wide + t, rows.data() + y * side);
  for (int64_t y = 0; y < side; ++y)
    for (int64_t t = 0; t < taps; ++t)
      add_row(weights[at(t)], rows.data() + (y + t) * side, result.data() + y * side);
  return result;
}

double uniform_of_normal(double s) { return (1 + std::erf(s / std::numbers::sqrt2)) / 2; }

Pixels correlated_noise(int64_t side, double share, Rng key) {
  constexpr double kBandwidth = 6;
  const std::vector<double> smooth =
      smooth_noise(side, kBandwidth / 2, key.split("smooth"), exact_normals);
  const Rng white = key.split("white");
  Pixels noise(smooth.size());
  for (size_t k = 0; k < noise.size(); ++k)
    noise[k] = static_cast<float>(
        uniform_of_normal(std::sqrt(share) * smooth[k] + std::sqrt(1 - share) * white.normal(k)));
  return noise;
}

// Noise of several scales, the coarse ones stronger, as in pictures of things.
Pixels texture(int64_t side, Rng key, Normals normals) {
  std::vector<double> sum(static_cast<size_t>(side * side));
  double squares = 0, weight = 1;
  for (double deviation = 8; deviation >= 0.5; deviation /= 2, weight /= 2) {
    const auto layer =
        smooth_noise(side, deviation, key.split(static_cast<uint64_t>(8 * deviation)), normals);
    for (size_t k = 0; k < sum.size(); ++k) sum[k] += weight * layer[k];
    squares += weight * weight;
  }
  Pixels result(sum.size());
  for (size_t k = 0; k < sum.size(); ++k)
    result[k] = static_cast<float>(uniform_of_normal(sum[k] / std::sqrt(squares)));
  return result;
}

// The same levels on every processor: where a pixel is so near to the step between two of them that
// the last bits may decide, the exact numbers do.
Pixels texture(int64_t side, Rng key) {
  constexpr float kNear = 4e-5f;  // levels; another last bit of a float changes 3e-5 of them
  Pixels quick = texture(side, key, [](Rng from, int64_t count, double* out) {
    kernels::near_normals(from.key(), count, out);
  });
  const bool sure = std::ranges::all_of(quick, [](float p) {
    const float level = 255 * p;
    return std::abs(level - std::floor(level) - 0.5f) > kNear;
  });
  return sure ? quick : texture(side, key, exact_normals);
}

Pixels patch(const AnyDataset& pictures, int64_t side, Rng key) {
  const Tensor picture = pictures.get(key.below(pictures.size(), 0)).image;
  const int64_t height = picture.dim(0), width = picture.dim(1), channels = picture.dim(2);
  check(height >= side && width >= side, "rotated_on_pictures: '", pictures.info().name,
        "' has a picture of ", picture.shape(), ", patches of ", side, " x ", side, " are needed");
  const int64_t top = key.below(height - side + 1, 1), left = key.below(width - side + 1, 2);
  Pixels result(static_cast<size_t>(side * side));
  for (int64_t k = 0; k < side * side; ++k) {
    const float* colours =
        picture.data<float>() + ((top + k / side) * width + left + k % side) * channels;
    float sum = 0;
    for (int64_t c = 0; c < channels; ++c) sum += colours[c];
    result[static_cast<size_t>(k)] = std::clamp(sum / static_cast<float>(channels), 0.0f, 1.0f);
  }
  return result;
}

double deviation(const Pixels& pixels) {
  double sum = 0, squares = 0;
  for (const float p : pixels) sum += p, squares += static_cast<double>(p) * p;
  const auto count = static_cast<double>(pixels.size());
  return std::sqrt(std::max(0.0, squares / count - sum / count * sum / count));
}

Pixels varied_patch(const AnyDataset& pictures, int64_t side, Rng key) {
  constexpr double kLeastDeviation = 0.1;
  constexpr uint64_t kTries = 20;
  Pixels best;
  for (uint64_t i = 0; i < kTries; ++i) {
    best = patch(pictures, side, key.split(i));
    if (deviation(best) >= kLeastDeviation) break;
  }
  return best;
}

}  // namespace

ImageSet rotated_on_pictures(const AnyDataset& train, const AnyDataset& test,
                             const std::optional<AnyDataset>& pictures, Split split,
                             const VariationOptions& options) {
  return vary(train, test, {12000, 50000}, split, options, "bg-rot " + train.info().name,
              [&](const Pixels& image, int64_t side, Rng key) {
                const double angle = 2 * std::numbers::pi * key.split("angle").uniform(0);
                const Rng background = key.split("background");
                Pixels result = pictures ? varied_patch(*pictures, side, background)
                                         : texture(side, background);
                lay_over(result, turned(image, side, angle));
                return result;
              });
}

ImageSet over_noise(const AnyDataset& train, const AnyDataset& test, int level, Split split,
                    const VariationOptions& options) {
  check(level >= 1 && level <= 6, "over_noise: the level is ", level, ", it must be 1 to 6");
  const double share = 1 - (level - 1) / 5.0;
  return vary(train, test, {10000, 2000}, split, options,
              concat("noise-", level, " ", train.info().name),
              [&](const Pixels& image, int64_t side, Rng key) {
                Pixels result = correlated_noise(side, share, key);
                lay_over(result, image);
                return result;
              });
}

}  // namespace papilio::data
