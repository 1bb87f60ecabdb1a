#include "papilio/core/kernels/pool.h"

#include <algorithm>
#include <vector>

#include "papilio/core/kernels/pool_loops.h"
#include "papilio/core/threads.h"

namespace papilio::kernels {
namespace {

/// What the pixels of one grid are made of: pixels of another one, in rectangles.
struct Grid {
  int64_t source_height, source_width;
  std::vector<Span> rows, columns;  ///< for every row and column of this grid
};

/// The outputs, each over the pixels in its window.
Grid outputs_grid(const PoolShape& s) {
  const auto spans = [&](int64_t outputs, int64_t size) {
    std::vector<Span> all;
    for (int64_t o = 0; o < outputs; ++o) {
      const int64_t begin = o * s.stride - s.padding;
      all.push_back(
          {.first = std::max<int64_t>(begin, 0), .end = std::min(begin + s.kernel, size)});
    }
    return all;
  };
  return {.source_height = s.height,
          .source_width = s.width,
          .rows = spans(s.out_height(), s.height),
          .columns = spans(s.out_width(), s.width)};
}

/// The pixels of the image, each with the outputs whose window holds it.
Grid image_grid(const PoolShape& s) {
  const auto spans = [&](int64_t size, int64_t outputs) {
    std::vector<Span> all;
    for (int64_t at = s.padding; at < s.padding + size; ++at)  // in the padded image
      all.push_back({.first = at < s.kernel ? 0 : (at - s.kernel) / s.stride + 1,
                     .end = std::min(at / s.stride + 1, outputs)});
    return all;
  };
  return {.source_height = s.out_height(),
          .source_width = s.out_width(),
          .rows = spans(s.height, s.out_height()),
          .columns = spans(s.width, s.out_width())};
}

/// Calls make(row, first number of the row in this grid, place of its first pixel in the image) for
/// all rows of a grid over x, beside which `places` may stand.
template <class T, class Make>
void for_each_row(const PoolShape& s, const Grid& grid, const T* x, const int32_t* places,
                  const Make& make) {
  const auto height = static_cast<int64_t>(grid.rows.size()),
             width = static_cast<int64_t>(grid.columns.size());
  const auto rows = [&](int64_t begin, int64_t end) {
    std::vector<const T*> from(static_cast<size_t>(s.kernel));
    std::vector<const int32_t*> places_from(from.size());
    for (int64_t row = begin; row < end; ++row) {
      const Span span = grid.rows[static_cast<size_t>(row % height)];
      for (int64_t i = span.first; i < span.end; ++i) {
        const int64_t at = (row / height * grid.source_height + i) * grid.source_width * s.channels;
        from[static_cast<size_t>(i - span.first)] = x + at;
        if (places) places_from[static_cast<size_t>(i - span.first)] = places + at;
      }
      make(PoolRow<T>{.channels = s.channels,
                      .width = width,
                      .rows = span.end - span.first,
                      .columns = grid.columns.data(),
                      .x = from.data(),
                      .places = places_from.data(),
                      .first_place = span.first * grid.source_width,
                      .place_step = grid.source_width},
           row * width * s.channels, row % height * width);
    }
  };
  const int64_t numbers = width * s.channels * s.kernel * s.kernel;
  parallel_for(s.batch * height, rows, std::max<int64_t>(1, (int64_t{1} << 15) / numbers));
}

template <class T>
void average(const PoolShape& s, const Grid& grid, const T* x, T* y) {
  const PoolLoops<T> loops = pool_loops<T>();
  const T factor = T(1) / static_cast<T>(s.kernel * s.kernel);
  for_each_row(s, grid, x, nullptr,
               [&](const PoolRow<T>& row, int64_t to, int64_t) { loops.sum(row, factor, y + to); });
}

}  // namespace

template <class T>
void max_pool(const PoolShape& s, const T* x, T* y, int32_t* pixels) {
  const PoolLoops<T> loops = pool_loops<T>();
  for_each_row(s, outputs_grid(s), x, nullptr, [&](const PoolRow<T>& row, int64_t to, int64_t) {
    loops.largest(row, y + to, pixels ? pixels + to : nullptr);
  });
}

template <class T>
void max_pool_backward(const PoolShape& s, const T* dy, const int32_t* pixels, T* dx) {
  const PoolLoops<T> loops = pool_loops<T>();
  for_each_row(s, image_grid(s), dy, pixels, [&](const PoolRow<T>& row, int64_t to, int64_t place) {
    loops.sum_where(row, place, dx + to);
  });
}

template <class T>
void avg_pool(const PoolShape& s, const T* x, T* y) {
  average(s, outputs_grid(s), x, y);
}

template <class T>
void avg_pool_backward(const PoolShape& s, const T* dy, T* dx) {
  average(s, image_grid(s), dy, dx);
}

#define PAPILIO_INSTANTIATE(T)                                                     \
  template void max_pool(const PoolShape&, const T*, T*, int32_t*);                \
  template void max_pool_backward(const PoolShape&, const T*, const int32_t*, T*); \
  template void avg_pool(const PoolShape&, const T*, T*);                          \
  template void avg_pool_backward(const PoolShape&, const T*, T*);
PAPILIO_INSTANTIATE(float)
PAPILIO_INSTANTIATE(double)
#undef PAPILIO_INSTANTIATE

}  // namespace papilio::kernels
