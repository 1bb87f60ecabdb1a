#include "papilio/core/kernels/norm.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "papilio/core/memory.h"
#include "papilio/core/threads.h"

namespace papilio::kernels {
namespace {

/// Rows of a chunk: about 64 KB of floats, so that a second pass finds them in the cache.
int64_t chunk_rows(int64_t columns) {
  return std::clamp<int64_t>((int64_t{1} << 14) / columns, 16, 256);
}

/// Calls body(chunk, first row, rows) for all chunks, in parallel.
void for_each_chunk(int64_t rows, int64_t columns,
                    const std::function<void(int64_t chunk, int64_t first, int64_t count)>& body) {
  const int64_t size = chunk_rows(columns);
  parallel_for((rows + size - 1) / size, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk)
      body(chunk, chunk * size, std::min(size, rows - chunk * size));
  });
}

/// Two sums for every column, one pair of rows a chunk.
template <class T>
class PartialSums {
 public:
  PartialSums(int64_t rows, int64_t columns)
      : chunks_((rows + chunk_rows(columns) - 1) / chunk_rows(columns)),
        columns_(columns),
        sums_(static_cast<size_t>(2 * chunks_ * columns) * sizeof(T)) {}

  int64_t chunks() const { return chunks_; }
  T* first(int64_t chunk) const { return sums_.template as<T>() + 2 * chunk * columns_; }
  T* second(int64_t chunk) const { return first(chunk) + columns_; }
  void clear(int64_t chunk) const { std::fill_n(first(chunk), 2 * columns_, T(0)); }

  /// The totals over all chunks, in their order; either may be null.
  void total(T* first_total, T* second_total) const {
    for (T* total : {first_total, second_total}) {
      if (!total) continue;
      std::fill_n(total, columns_, T(0));
      for (int64_t chunk = 0; chunk < chunks_; ++chunk) {
        const T* part = total == first_total ? first(chunk) : second(chunk);
        for (int64_t j = 0; j < columns_; ++j) total[j] += part[j];
      }
    }
  }

 private:
  int64_t chunks_, columns_;
  Buffer sums_;
};

// ---------------------------------------------------------------- sums over one row

/// Sum over j of term(j), in 16 lanes: the order does not depend on the SIMD target, and
/// vectorises.
template <class T, class Term>
T row_sum(int64_t n, const Term& term) {
  constexpr int64_t kLanes = 16;
  T lanes[kLanes] = {};
  int64_t j = 0;
  for (; j + kLanes <= n; j += kLanes)
    for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += term(j + lane);
  for (; j < n; ++j) lanes[j % kLanes] += term(j);
  for (int64_t half = kLanes / 2; half > 0; half /= 2)
    for (int64_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  return lanes[0];
}

}  // namespace

// ---------------------------------------------------------------- rows

template <class T>
void layer_norm(int64_t rows, int64_t features, double epsilon, const T* x, const T* gamma,
                const T* beta, T* y, T* mean, T* inverse_deviation) {
  const T n = static_cast<T>(features);
  for_each_chunk(rows, features, [&](int64_t, int64_t first, int64_t count) {
    for (int64_t i = first; i < first + count; ++i) {
      const T* __restrict from = x + i * features;
      T* __restrict to = y + i * features;
      const T m = row_sum<T>(features, [&](int64_t j) { return from[j]; }) / n;
      const T squares =
          row_sum<T>(features, [&](int64_t j) { return (from[j] - m) * (from[j] - m); });
      const T inverse = T(1) / std::sqrt(squares / n + static_cast<T>(epsilon));
      for (int64_t j = 0; j < features; ++j) to[j] = (from[j] - m) * inverse * gamma[j] + beta[j];
      mean[i] = m;
      inverse_deviation[i] = inverse;
    }
  });
}

template <class T>
void layer_norm_backward(int64_t rows, int64_t features, const T* x, const T* gamma, const T* mean,
                         const T* inverse_deviation, const T* dy, T* dx, T* dgamma, T* dbeta) {
  const PartialSums<T> sums(rows, features);
  const T n = static_cast<T>(features);
  for_each_chunk(rows, features, [&](int64_t chunk, int64_t first, int64_t count) {
    sums.clear(chunk);
    for (int64_t i = first; i < first + count; ++i) {
      const T* __restrict xi = x + i * features;
      const T* __restrict g = dy + i * features;
      T* __restrict beta_sum = sums.first(chunk);
      T* __restrict gamma_sum = sums.second(chunk);
      const T m = mean[i], inverse = inverse_deviation[i];
      for (int64_t j = 0; j < features; ++j) {
        beta_sum[j] += g[j];
        gamma_sum[j] += g[j] * (xi[j] - m) * inverse;
      }
      if (!dx) continue;
      const T mean_g = row_sum<T>(features, [&](int64_t j) { return g[j] * gamma[j]; }) / n;
      const T mean_gx =
          row_sum<T>(features, [&](int64_t j) { return g[j] * gamma[j] * (xi[j] - m); }) / n;
      T* __restrict to = dx + i * features;
      for (int64_t j = 0; j < features; ++j)
        to[j] = inverse * (g[j] * gamma[j] - mean_g - (xi[j] - m) * (inverse * inverse * mean_gx));
    }
  });
  sums.total(dbeta, dgamma);
}

#define PAPILIO_INSTANTIATE(T)                                                                  \
  template void layer_norm(int64_t, int64_t, double, const T*, const T*, const T*, T*, T*, T*); \
  template void layer_norm_backward(int64_t, int64_t, const T*, const T*, const T*, const T*,   \
                                    const T*, T*, T*, T*);
PAPILIO_INSTANTIATE(float)
PAPILIO_INSTANTIATE(double)
#undef PAPILIO_INSTANTIATE

}  // namespace papilio::kernels
