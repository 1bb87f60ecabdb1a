// Means and covariances of channels: what a linear layer over channels makes of its statistics is
// known from these, without a look at its output.
#pragma once

#include <cstdint>
#include <vector>

namespace papilio::kernels {

struct ChannelMoments {
  std::vector<double> mean;        ///< [channels]
  std::vector<double> covariance;  ///< [channels / group, group, group], divided by the rows
};
/// Of x [rows, channels], rows >= 1, in groups of `group` channels, a divisor of `channels`. T is
/// float or double. x is read once: chunks are summed relative to the mean of their first rows, and
/// merged in double (Chan, Golub and LeVeque 1979). The same bits for every number of threads.
template <class T>
ChannelMoments channel_moments(int64_t rows, int64_t channels, int64_t group, const T* x);

/// A block of rows for the loop of a SIMD target: adds sums of x - pivot to `sum` [channels], and
/// products of channels c and c + lag to `products` [lags, channels].
template <class T>
struct MomentPass {
  int64_t count, channels, lags;
  const T *x, *pivot;
  T* room;  ///< [count, channels] and a vector beyond the last lag
  T *sum, *products;
};

}  // namespace papilio::kernels
