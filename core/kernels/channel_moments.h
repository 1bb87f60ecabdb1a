// Means and covariances of channels: what a linear layer over channels makes of its statistics is
// known from these, without a look at its output.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace papilio::kernels {

struct ChannelMoments {
  std::vector<double> mean;        ///< [channels]
  std::vector<double> covariance;  ///< [channels / group, group, group], divided by the rows
};
/// Of x [rows, channels], rows >= 1, in groups of `group` channels, a divisor of `channels`. T is
/// float or double. x is read once: chunks are summed relative to the mean of their first rows, and
/// merged. The same bits for every number of threads.
template <class T>
ChannelMoments channel_moments(int64_t rows, int64_t channels, int64_t group, const T* x);

/// What was summed of a chunk of rows, relative to a pivot [channels]: sums [channels] and products
/// [group, channels] of a channel with the one so many further on.
template <class T>
struct ChunkMoments {
  int64_t count;
  const T *pivot, *sum, *products;
};
/// Of all chunks, merged in their order in double (Chan, Golub and LeVeque 1979).
template <class T>
ChannelMoments merged_moments(int64_t channels, int64_t group, int64_t chunks,
                              const std::function<ChunkMoments<T>(int64_t chunk)>& chunk_of);

}  // namespace papilio::kernels
