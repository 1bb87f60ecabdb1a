#include "papilio/data/transforms.h"

#include <algorithm>
#include <utility>

namespace papilio::data {
namespace {

Example with(Tensor image, const Example& example) { return {std::move(image), example.label}; }

void check_image(const Tensor& image, std::string_view transform) {
  check(image.rank() == 3 && image.dtype() == DType::f32, transform, ": the image is ", image,
        ", f32 [height, width, channels] is needed");
}

// The window [height, width] of an image whose upper left corner is at (top, left); zeros outside
// of the image.
Tensor window(const Tensor& image, int64_t top, int64_t left, int64_t height, int64_t width) {
  const int64_t channels = image.dim(2), old_width = image.dim(1);
  Tensor result = Tensor::zeros({height, width, channels});
  const float* in = image.data<float>();
  float* out = result.mutable_data<float>();
  const int64_t first = std::max<int64_t>(0, -left);
  const int64_t last = std::min(width, old_width - left);
  for (int64_t y = std::max<int64_t>(0, -top); y < std::min(height, image.dim(0) - top); ++y)
    if (first < last)
      std::copy_n(in + ((top + y) * old_width + left + first) * channels, (last - first) * channels,
                  out + (y * width + first) * channels);
  return result;
}

template <class Function>
Tensor mapped(const Tensor& image, Function function) {
  Tensor result(image.shape());
  const float* in = image.data<float>();
  float* out = result.mutable_data<float>();
  for (int64_t k = 0, n = image.numel(); k < n; ++k) out[k] = function(in[k], k);
  return result;
}

}  // namespace

Transform random_crop(int64_t padding) {
  check(padding >= 0, "random_crop: padding is ", padding, ", at least 0 is needed");
  return [padding](const Example& example, Rng rng) {
    check_image(example.image, "random_crop");
    const int64_t top = rng.below(2 * padding + 1, 0) - padding;
    const int64_t left = rng.below(2 * padding + 1, 1) - padding;
    return with(window(example.image, top, left, example.image.dim(0), example.image.dim(1)),
                example);
  };
}

Transform random_flip() {
  return [](const Example& example, Rng rng) {
    check_image(example.image, "random_flip");
    if (rng.below(2, 0) == 0) return example;
    const int64_t width = example.image.dim(1), channels = example.image.dim(2);
    Tensor result(example.image.shape());
    const float* in = example.image.data<float>();
    float* out = result.mutable_data<float>();
    for (int64_t y = 0; y < example.image.dim(0); ++y)
      for (int64_t x = 0; x < width; ++x)
        std::copy_n(in + (y * width + width - 1 - x) * channels, channels,
                    out + (y * width + x) * channels);
    return with(std::move(result), example);
  };
}

Transform pad(int64_t zeros) {
  check(zeros >= 0, "pad: ", zeros, " zeros asked for, at least 0 are needed");
  return [zeros](const Example& example, Rng) {
    check_image(example.image, "pad");
    return with(window(example.image, -zeros, -zeros, example.image.dim(0) + 2 * zeros,
                       example.image.dim(1) + 2 * zeros),
                example);
  };
}

Transform scale(double factor) {
  return [factor = static_cast<float>(factor)](const Example& example, Rng) {
    return with(mapped(example.image, [&](float x, int64_t) { return x * factor; }), example);
  };
}

Transform normalise(const Statistics& statistics) {
  const Tensor mean = statistics.mean.clone(), deviation = statistics.deviation.clone();
  check(mean.shape() == deviation.shape() && mean.numel() > 0, "normalise: the mean is ", mean,
        " and the deviation ", deviation, ", they must have one shape");
  return [mean, deviation](const Example& example, Rng) {
    const int64_t size = mean.numel();
    check_image(example.image, "normalise");
    check(size == example.image.numel() || size == example.image.dim(2), "normalise: the image is ",
          example.image, ", the statistics have ", size,
          " numbers; measure them on such images, per feature or per channel");
    const float* m = mean.data<float>();
    const float* d = deviation.data<float>();
    return with(
        mapped(example.image, [&](float x, int64_t k) { return (x - m[k % size]) / d[k % size]; }),
        example);
  };
}

}  // namespace papilio::data
