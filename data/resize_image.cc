#include "papilio/data/resize_image.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace papilio::data {
namespace {

// An axis of the resizing: from [begin, begin + size) to `count` pixels. Everything is reckoned
// from a whole pixel, so that moving the box by whole pixels changes no bit of the weights.
struct Axis {
  Axis(double begin, double box_size, int64_t box_count)
      : base(std::floor(begin)),
        fraction(begin - base),
        size(box_size),
        scale(size / static_cast<double>(box_count)),
        support(std::max(1.0, scale)) {}

  double centre(int64_t place) const {  // from base
    return fraction + (static_cast<double>(place) + 0.5) * scale;
  }
  // Pixels whose centres may lie within the filter at `place`.
  int64_t first(int64_t place) const {
    return static_cast<int64_t>(base + std::max(0.0, std::floor(centre(place) - support + 0.5)));
  }
  int64_t last(int64_t place) const {  // exclusive
    return static_cast<int64_t>(
        base + std::min(std::ceil(fraction + size), std::floor(centre(place) + support + 0.5)));
  }
  double weight(int64_t place, int64_t pixel) const {
    const double distance = static_cast<double>(pixel) - base + 0.5 - centre(place);
    return std::max(0.0, 1 - std::abs(distance) / support);
  }

  double base, fraction, size, scale, support;
};

// Place i of the window is the sum of weights[i * taps + k] * pixel[first[i] + k].
struct Filter {
  Filter(const Axis& axis, int64_t window, int64_t count, int64_t pixels, float unit)
      : taps(static_cast<int64_t>(2 * std::ceil(axis.support)) + 1) {
    taps = std::min(taps, pixels);
    first.resize(static_cast<size_t>(count));
    weights.resize(static_cast<size_t>(count * taps));
    for (int64_t i = 0; i < count; ++i) fill(axis, window + i, pixels, unit, i);
  }

  int64_t taps;
  std::vector<int64_t> first;
  std::vector<float> weights;

 private:
  void fill(const Axis& axis, int64_t place, int64_t pixels, float unit, int64_t i) {
    // The taps of every place lie in the picture; those beyond the filter have weight zero.
    const int64_t begin = std::clamp<int64_t>(axis.first(place), 0, pixels - 1);
    const int64_t end = std::clamp<int64_t>(axis.last(place), begin + 1, pixels);
    const int64_t start = std::min(begin, pixels - taps);
    first[static_cast<size_t>(i)] = start;
    float* weight = &weights[static_cast<size_t>(i * taps)];
    double sum = 0;
    for (int64_t pixel = begin; pixel < end; ++pixel) sum += axis.weight(place, pixel);
    for (int64_t pixel = begin; pixel < end; ++pixel)
      weight[pixel - start] = sum > 0 ? static_cast<float>(unit * axis.weight(place, pixel) / sum)
                                      : unit / static_cast<float>(end - begin);
  }
};

// One row of the result, not yet narrowed: `count` values from `taps` rows of `stride` values.
void blend_rows(const uint8_t* rows, int64_t stride, const float* weights, int64_t taps,
                int64_t count, float* out) {
  std::fill_n(out, count, 0.0f);
  for (int64_t k = 0; k < taps; ++k) {
    const float weight = weights[k];
    if (weight == 0) continue;
    const uint8_t* row = rows + k * stride;
    for (int64_t x = 0; x < count; ++x) out[x] += weight * static_cast<float>(row[x]);
  }
}

// Four floats at once on every CPU; the fourth is the next pixel's and is not used.
using Quad = float __attribute__((vector_size(16), aligned(4)));

// `row` begins at column `begin` and has a float more than its pixels.
void narrow_row(const float* row, int64_t begin, const Filter& filter, bool flip, float* out) {
  const auto count = static_cast<int64_t>(filter.first.size());
  for (int64_t x = 0; x < count; ++x) {
    const float* pixel = row + 3 * (filter.first[static_cast<size_t>(x)] - begin);
    const float* weight = &filter.weights[static_cast<size_t>(x * filter.taps)];
    Quad sum = {0, 0, 0, 0};
    for (int64_t k = 0; k < filter.taps; ++k)
      sum += weight[k] * *reinterpret_cast<const Quad*>(pixel + 3 * k);
    float* place = out + 3 * (flip ? count - 1 - x : x);
    for (int64_t c = 0; c < 3; ++c) place[c] = std::min(sum[c], 1.0f);
  }
}

Axis vertical(const Resize& how) { return {how.box.top, how.box.height, how.box_height}; }
Axis horizontal(const Resize& how) { return {how.box.left, how.box.width, how.box_width}; }

}  // namespace

void resize(const Picture& picture, const Resize& how, float* pixels) {
  check(how.height > 0 && how.width > 0 && picture.height > 0 && picture.width > 0, "resize: from ",
        picture.width, " x ", picture.height, " pixels to ", how.width, " x ", how.height,
        ", sizes above zero are needed");
  const Filter rows(vertical(how), how.top, how.height, picture.height, 1.0f / 255);
  const Filter columns(horizontal(how), how.left, how.width, picture.width, 1.0f);
  const auto [low, high] = std::minmax_element(columns.first.begin(), columns.first.end());
  const int64_t begin = *low, count = 3 * (*high + columns.taps - begin);
  std::vector<float> blended(static_cast<size_t>(count) + 1);
  for (int64_t y = 0; y < how.height; ++y) {
    const uint8_t* first =
        picture.levels.data() + 3 * (rows.first[static_cast<size_t>(y)] * picture.width + begin);
    blend_rows(first, 3 * picture.width, &rows.weights[static_cast<size_t>(y * rows.taps)],
               rows.taps, count, blended.data());
    narrow_row(blended.data(), begin, columns, how.flip, pixels + 3 * y * how.width);
  }
}

Box needed(const Resize& how) {
  const Axis y = vertical(how), x = horizontal(how);
  const auto top = static_cast<double>(y.first(how.top));
  const auto left = static_cast<double>(x.first(how.left));
  return {top, left, static_cast<double>(y.last(how.top + how.height - 1)) - top,
          static_cast<double>(x.last(how.left + how.width - 1)) - left};
}

}  // namespace papilio::data
