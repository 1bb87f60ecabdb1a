#include "papilio/data/augment.h"

#include <algorithm>
#include <cmath>

namespace papilio::data {
namespace {

constexpr double kLeastArea = 0.08, kLeastRatio = 3.0 / 4, kMostRatio = 4.0 / 3;
constexpr int kTries = 10;

double between(double low, double high, double share) { return low + (high - low) * share; }

Box centre_box(int64_t height, int64_t width) {
  const double ratio = static_cast<double>(width) / static_cast<double>(height);
  int64_t h = height, w = width;
  if (ratio < kLeastRatio) h = std::llround(static_cast<double>(w) / kLeastRatio);
  if (ratio > kMostRatio) w = std::llround(static_cast<double>(h) * kMostRatio);
  h = std::clamp<int64_t>(h, 1, height);
  w = std::clamp<int64_t>(w, 1, width);
  const int64_t top = (height - h) / 2, left = (width - w) / 2;
  return {static_cast<double>(top), static_cast<double>(left), static_cast<double>(h),
          static_cast<double>(w)};
}

// Brightness as video standards weigh it (ITU-R BT.601), which PIL uses.
float grey(const float* pixel) { return 0.299f * pixel[0] + 0.587f * pixel[1] + 0.114f * pixel[2]; }

// Each value between `target` (of its pixel) and itself, or beyond.
template <class Target>
void blend(float* pixels, int64_t count, double factor, Target target) {
  const auto f = static_cast<float>(factor);
  for (int64_t i = 0; i < count; ++i) {
    float* pixel = pixels + 3 * i;
    const float from = target(pixel);
    for (int c = 0; c < 3; ++c) pixel[c] = std::clamp(f * pixel[c] + (1 - f) * from, 0.0f, 1.0f);
  }
}

}  // namespace

Box random_resized_crop(int64_t height, int64_t width, Rng key) {
  const double area = static_cast<double>(height) * static_cast<double>(width);
  for (uint64_t i = 0; i < kTries; ++i) {
    const double target = area * between(kLeastArea, 1, key.uniform(4 * i));
    const double ratio =
        std::exp(between(std::log(kLeastRatio), std::log(kMostRatio), key.uniform(4 * i + 1)));
    const int64_t w = std::llround(std::sqrt(target * ratio));
    const int64_t h = std::llround(std::sqrt(target / ratio));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    return {static_cast<double>(key.below(height - h + 1, 4 * i + 2)),
            static_cast<double>(key.below(width - w + 1, 4 * i + 3)), static_cast<double>(h),
            static_cast<double>(w)};
  }
  return centre_box(height, width);
}

void jitter_colours(float* pixels, int64_t count, const ColourJitter& jitter, Rng key) {
  const double reach[] = {jitter.brightness, jitter.contrast, jitter.saturation};
  const auto order = key.split("order").permutation(3);
  for (const int64_t which : order) {
    const double x = reach[which];
    if (x <= 0) continue;
    const double factor =
        between(std::max(0.0, 1 - x), 1 + x, key.uniform(static_cast<uint64_t>(which)));
    if (which == 0) blend(pixels, count, factor, [](const float*) { return 0.0f; });
    if (which == 1) {
      double sum = 0;
      for (int64_t i = 0; i < count; ++i) sum += grey(pixels + 3 * i);
      const auto mean = static_cast<float>(sum / static_cast<double>(count));
      blend(pixels, count, factor, [mean](const float*) { return mean; });
    }
    if (which == 2) blend(pixels, count, factor, grey);
  }
}

}  // namespace papilio::data
