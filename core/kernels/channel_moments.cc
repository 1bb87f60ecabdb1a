#include "papilio/core/kernels/channel_moments.h"

#include <algorithm>

#include "papilio/core/kernels/channel_passes.h"
#include "papilio/core/memory.h"
#include "papilio/core/threads.h"

namespace papilio::kernels {

template <class T>
ChannelMoments merged_moments(int64_t channels, int64_t group, int64_t chunks,
                              const std::function<ChunkMoments<T>(int64_t)>& chunk_of) {
  ChannelMoments result{.mean = std::vector<double>(static_cast<size_t>(channels)),
                        .covariance = std::vector<double>(static_cast<size_t>(channels * group))};
  double *mean = result.mean.data(), *covariance = result.covariance.data(), n = 0;
  std::vector<double> offsets(result.mean.size()), aparts(offsets);
  double *offset = offsets.data(), *apart = aparts.data();
  for (int64_t i = 0; i < chunks; ++i) {
    const ChunkMoments<T> chunk = chunk_of(i);
    const auto count = static_cast<double>(chunk.count);
    const double one = 1 / count, weight = count / (n + count), both = n * weight;
    for (int64_t c = 0; c < channels; ++c) {
      offset[c] = static_cast<double>(chunk.sum[c]) * one;
      apart[c] = static_cast<double>(chunk.pivot[c]) + offset[c] - mean[c];
    }
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t lag = 0; c % group + lag < group; ++lag)
        covariance[c * group + c % group + lag] +=
            static_cast<double>(chunk.products[lag * channels + c]) -
            count * offset[c] * offset[c + lag] + apart[c] * apart[c + lag] * both;
    for (int64_t c = 0; c < channels; ++c) mean[c] += apart[c] * weight;
    n += count;
  }
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t lag = 0; c % group + lag < group; ++lag) {
      double& upper = covariance[c * group + c % group + lag];
      upper = (lag == 0 ? std::max(upper, 0.0) : upper) / n;
      covariance[(c + lag) * group + c % group] = upper;
    }
  return result;
}

template <class T>
ChannelMoments channel_moments(int64_t rows, int64_t channels, int64_t group, const T* x) {
  // Chunks have sums of their own, few enough to be small beside what is read; blocks of them stay
  // in the nearest cache. Both by the shape alone. A vector may read beyond the last channel.
  constexpr int64_t kChunk = 1 << 16, kBlock = 1 << 12, kBeyond = 64, kFirst = 16;
  const int64_t block = std::max<int64_t>(kBlock / channels, 8),
                chunk = std::max<int64_t>(kChunk / channels / block, 1) * block,
                chunks = (rows + chunk - 1) / chunk, sums = (2 + group) * channels;
  const MomentLoop<T> run = moments_loop<T>();
  const Buffer all(static_cast<size_t>(chunks * sums) * sizeof(T));
  parallel_for(chunks, [&](int64_t begin, int64_t end) {
    const int64_t numbers = block * channels + group + kBeyond;
    const Buffer room(static_cast<size_t>(numbers) * sizeof(T));
    std::fill_n(room.as<T>(), numbers, T(0));
    for (int64_t i = begin; i < end; ++i) {
      T* own = all.as<T>() + i * sums;
      std::fill_n(own, sums, T(0));
      const int64_t first = i * chunk, stop = std::min(rows, first + chunk),
                    some = std::min(kFirst, stop - first);
      T* pivot = own + (1 + group) * channels;
      for (int64_t row = first; row < first + some; ++row)
        for (int64_t c = 0; c < channels; ++c)
          pivot[c] += x[row * channels + c] / static_cast<T>(some);
      for (int64_t row = first; row < stop; row += block)
        run({.count = std::min(block, stop - row),
             .channels = channels,
             .lags = group,
             .x = x + row * channels,
             .pivot = pivot,
             .room = room.as<T>(),
             .sum = own,
             .products = own + channels});
    }
  });
  return merged_moments<T>(channels, group, chunks, [&](int64_t i) -> ChunkMoments<T> {
    const T* own = all.as<T>() + i * sums;
    return {.count = std::min(chunk, rows - i * chunk),
            .pivot = own + (1 + group) * channels,
            .sum = own,
            .products = own + channels};
  });
}

#define PAPILIO_INSTANTIATE(T)                                                            \
  template ChannelMoments merged_moments(int64_t, int64_t, int64_t,                       \
                                         const std::function<ChunkMoments<T>(int64_t)>&); \
  template ChannelMoments channel_moments(int64_t, int64_t, int64_t, const T*);
PAPILIO_INSTANTIATE(float)
PAPILIO_INSTANTIATE(double)
#undef PAPILIO_INSTANTIATE

}  // namespace papilio::kernels
