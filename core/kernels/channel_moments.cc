#include "papilio/core/kernels/channel_moments.h"

#include <algorithm>

#include "papilio/core/kernels/simd.h"
#include "papilio/core/memory.h"
#include "papilio/core/threads.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "papilio/core/kernels/channel_moments.cc"
#include "papilio/core/kernels/highway-inl.h"
#include "papilio/core/kernels/parts-inl.h"

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {

// Products of channels that stand kLags apart or less, of all rows, for the channels of a vector:
// also those of two groups or rows, which nobody looks at.
template <int kLags, class D, class T>
HWY_INLINE void lag_products(D d, int64_t count, int64_t channels, const T* at, const T* later,
                             T* to) {
  hn::Vec<D> sum[kLags];
  HWY_UNROLL(8)
  for (int i = 0; i < kLags; ++i) sum[i] = hn::LoadU(d, to + i * channels);
  for (int64_t row = 0; row < count; ++row, at += channels, later += channels) {
    const auto x = hn::LoadU(d, at);
    HWY_UNROLL(8)
    for (int i = 0; i < kLags; ++i) sum[i] = hn::MulAdd(x, hn::LoadU(d, later + i), sum[i]);
  }
  HWY_UNROLL(8)
  for (int i = 0; i < kLags; ++i) hn::StoreU(sum[i], d, to + i * channels);
}

template <class T>
void moments(const MomentPass<T>& p) {
  for_each_part<T>(p.channels, [&](auto d, int64_t at) PAPILIO_PART {
    const auto pivot = hn::LoadU(d, p.pivot + at);
    auto sum = hn::LoadU(d, p.sum + at);
    const T* from = p.x + at;
    T* to = p.room + at;
    for (int64_t row = 0; row < p.count; ++row, from += p.channels, to += p.channels) {
      const auto x = hn::Sub(hn::LoadU(d, from), pivot);
      hn::StoreU(x, d, to);
      sum = hn::Add(sum, x);
    }
    hn::StoreU(sum, d, p.sum + at);
  });
  for_each_part<T>(p.channels, [&](auto d, int64_t at) PAPILIO_PART {
    int64_t lag = 0;
    const auto lags = [&]<int kLags>(std::integral_constant<int, kLags>) HWY_ATTR {
      for (; lag + kLags <= p.lags; lag += kLags)
        lag_products<kLags>(d, p.count, p.channels, p.room + at, p.room + at + lag,
                            p.products + lag * p.channels + at);
    };
    lags(std::integral_constant<int, 8>());
    lags(std::integral_constant<int, 6>());
    lags(std::integral_constant<int, 4>());
    lags(std::integral_constant<int, 3>());
    lags(std::integral_constant<int, 2>());
    lags(std::integral_constant<int, 1>());
  });
}

void moments_f32(const MomentPass<float>& p) { moments(p); }
void moments_f64(const MomentPass<double>& p) { moments(p); }

}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace papilio::kernels {

HWY_EXPORT(moments_f32);
HWY_EXPORT(moments_f64);

namespace {

void run(const MomentPass<float>& p) { HWY_DYNAMIC_DISPATCH(moments_f32)(p); }
void run(const MomentPass<double>& p) { HWY_DYNAMIC_DISPATCH(moments_f64)(p); }

}  // namespace

template <class T>
ChannelMoments channel_moments(int64_t rows, int64_t channels, int64_t group, const T* x) {
  ensure_simd_target();
  // Chunks have sums of their own, few enough to be small beside what is read; blocks of them stay
  // in the nearest cache. Both by the shape alone. A vector may read beyond the last channel.
  constexpr int64_t kChunk = 1 << 16, kBlock = 1 << 12, kBeyond = 64, kFirst = 16;
  const int64_t block = std::max<int64_t>(kBlock / channels, 8),
                chunk = std::max<int64_t>(kChunk / channels / block, 1) * block,
                chunks = (rows + chunk - 1) / chunk, sums = (2 + group) * channels;
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

  ChannelMoments result{.mean = std::vector<double>(static_cast<size_t>(channels)),
                        .covariance = std::vector<double>(static_cast<size_t>(channels * group))};
  double *mean = result.mean.data(), *covariance = result.covariance.data(), n = 0;
  std::vector<double> offset(result.mean.size()), apart(offset);
  for (int64_t i = 0; i < chunks; ++i) {
    const auto count = static_cast<double>(std::min(chunk, rows - i * chunk));
    const double weight = count / (n + count), both = n * weight;
    const T *sum = all.as<T>() + i * sums, *products = sum + channels,
            *pivot = products + group * channels;
    for (int64_t c = 0; c < channels; ++c) {
      const auto at = static_cast<size_t>(c);
      offset[at] = static_cast<double>(sum[c]) / count;
      apart[at] = static_cast<double>(pivot[c]) + offset[at] - mean[c];
    }
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t lag = 0; c % group + lag < group; ++lag) {
        const auto a = static_cast<size_t>(c), b = static_cast<size_t>(c + lag);
        covariance[c * group + c % group + lag] +=
            static_cast<double>(products[lag * channels + c]) - count * offset[a] * offset[b] +
            apart[a] * apart[b] * both;
      }
    for (int64_t c = 0; c < channels; ++c) mean[c] += apart[static_cast<size_t>(c)] * weight;
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
template ChannelMoments channel_moments(int64_t, int64_t, int64_t, const float*);
template ChannelMoments channel_moments(int64_t, int64_t, int64_t, const double*);

}  // namespace papilio::kernels
#endif
