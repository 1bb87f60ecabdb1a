#include "papilio/core/kernels/pool.h"

#include <algorithm>

#include "papilio/core/threads.h"

namespace papilio::kernels {
namespace {

/// Calls visit(image, place in the output, window's first and last+1 row and column inside the
/// image) for the outputs of rows begin .. end-1, counted over all images.
template <class Visit>
void for_each_window(const PoolShape& s, int64_t begin, int64_t end, const Visit& visit) {
  for (int64_t row = begin; row < end; ++row)
    for (int64_t ow = 0; ow < s.out_width(); ++ow) {
      const int64_t top = row % s.out_height() * s.stride - s.padding,
                    left = ow * s.stride - s.padding;
      visit(row / s.out_height(), row * s.out_width() + ow, std::max<int64_t>(top, 0),
            std::min(top + s.kernel, s.height), std::max<int64_t>(left, 0),
            std::min(left + s.kernel, s.width));
    }
}

/// Rows of the output that are worth a thread.
int64_t grain(const PoolShape& s) {
  return std::max<int64_t>(1,
                           (int64_t{1} << 15) / (s.out_width() * s.channels * s.kernel * s.kernel));
}

// Without __restrict the compiler has to expect that y is part of x.
template <class T>
void keep_larger(int64_t channels, const T* __restrict x, int32_t pixel, T* __restrict best,
                 int32_t* __restrict pixels) {
  for (int64_t c = 0; c < channels; ++c) {
    const bool larger = x[c] > best[c] || x[c] != x[c];
    best[c] = larger ? x[c] : best[c];
    pixels[c] = larger ? pixel : pixels[c];
  }
}
template <class T>
void keep_larger(int64_t channels, const T* __restrict x, T* __restrict best) {
  for (int64_t c = 0; c < channels; ++c) best[c] = x[c] > best[c] || x[c] != x[c] ? x[c] : best[c];
}
template <class T>
void add_scaled(int64_t channels, T factor, const T* __restrict x, T* __restrict sum) {
  for (int64_t c = 0; c < channels; ++c) sum[c] += factor * x[c];
}

}  // namespace

template <class T>
void max_pool(const PoolShape& s, const T* x, T* y, int32_t* pixels) {
  const auto rows = [&](int64_t begin, int64_t end) {
    for_each_window(s, begin, end,
                    [&](int64_t image, int64_t place, int64_t top, int64_t bottom, int64_t left,
                        int64_t right) {
                      const T* from = x + image * s.height * s.width * s.channels;
                      T* best = y + place * s.channels;
                      std::copy_n(from + (top * s.width + left) * s.channels, s.channels, best);
                      if (pixels)
                        std::fill_n(pixels + place * s.channels, s.channels,
                                    static_cast<int32_t>(top * s.width + left));
                      for (int64_t h = top; h < bottom; ++h)
                        for (int64_t w = left; w < right; ++w) {
                          if (h == top && w == left) continue;
                          const int64_t pixel = h * s.width + w;
                          if (pixels)
                            keep_larger(s.channels, from + pixel * s.channels,
                                        static_cast<int32_t>(pixel), best,
                                        pixels + place * s.channels);
                          else
                            keep_larger(s.channels, from + pixel * s.channels, best);
                        }
                    });
  };
  parallel_for(s.batch * s.out_height(), rows, grain(s));
}

template <class T>
void max_pool_backward(const PoolShape& s, const T* dy, const int32_t* pixels, T* dx) {
  const int64_t in_image = s.height * s.width * s.channels,
                out_pixels = s.out_height() * s.out_width();
  parallel_for(s.batch, [&](int64_t begin, int64_t end) {
    for (int64_t image = begin; image < end; ++image) {
      T* to = dx + image * in_image;
      std::fill_n(to, in_image, T(0));
      for (int64_t place = image * out_pixels; place < (image + 1) * out_pixels; ++place)
        for (int64_t c = 0; c < s.channels; ++c) {
          const int64_t at = place * s.channels + c;
          to[pixels[at] * s.channels + c] += dy[at];
        }
    }
  });
}

template <class T>
void avg_pool(const PoolShape& s, const T* x, T* y) {
  const T factor = T(1) / static_cast<T>(s.kernel * s.kernel);
  const auto rows = [&](int64_t begin, int64_t end) {
    for_each_window(s, begin, end,
                    [&](int64_t image, int64_t place, int64_t top, int64_t bottom, int64_t left,
                        int64_t right) {
                      T* sum = y + place * s.channels;
                      std::fill_n(sum, s.channels, T(0));
                      for (int64_t h = top; h < bottom; ++h)
                        for (int64_t w = left; w < right; ++w)
                          add_scaled(s.channels, factor,
                                     x + ((image * s.height + h) * s.width + w) * s.channels, sum);
                    });
  };
  parallel_for(s.batch * s.out_height(), rows, grain(s));
}

template <class T>
void avg_pool_backward(const PoolShape& s, const T* dy, T* dx) {
  const T factor = T(1) / static_cast<T>(s.kernel * s.kernel);
  const int64_t in_image = s.height * s.width * s.channels;
  parallel_for(s.batch, [&](int64_t begin, int64_t end) {
    std::fill(dx + begin * in_image, dx + end * in_image, T(0));
    for_each_window(s, begin * s.out_height(), end * s.out_height(),
                    [&](int64_t image, int64_t place, int64_t top, int64_t bottom, int64_t left,
                        int64_t right) {
                      for (int64_t h = top; h < bottom; ++h)
                        for (int64_t w = left; w < right; ++w)
                          add_scaled(s.channels, factor, dy + place * s.channels,
                                     dx + ((image * s.height + h) * s.width + w) * s.channels);
                    });
  });
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
