// The channel half of norm.h. Rows of few channels are taken several at once as one "wide" row of
// whole vectors, with the statistics repeated along it: 24 channels are 4 rows of 6 vectors.
#include <algorithm>
#include <numeric>
#include <vector>

#include "papilio/core/kernels/channel_moments.h"
#include "papilio/core/kernels/channel_passes.h"
#include "papilio/core/kernels/norm.h"
#include "papilio/core/memory.h"
#include "papilio/core/threads.h"

namespace papilio::kernels {
namespace {

/// How rows are cut into chunks and taken together: by the shape alone.
struct Frame {
  // The longest vector of all targets, so that the target doesn't matter.
  static constexpr int64_t kLanes = 16, kLeastWidth = 4 * kLanes, kMostRepeats = 64;

  // Chunks are multiples of `unit` rows.
  Frame(int64_t rows_, int64_t channels_, int64_t unit = 1) : rows(rows_), channels(channels_) {
    repeats = kLanes / std::gcd(kLanes, channels);
    while (repeats * channels < kLeastWidth) repeats *= 2;
    if (repeats > rows) repeats = 1;
    const int64_t about = (int64_t{1} << 16) / channels;
    chunk = std::clamp<int64_t>(about / kMostRepeats, 1, 64) * kMostRepeats;
    chunk = std::max<int64_t>(chunk / unit, 1) * unit;
  }

  int64_t chunks() const { return (rows + chunk - 1) / chunk; }
  int64_t width() const { return repeats * channels; }

  int64_t rows, channels, chunk;
  int64_t repeats;  ///< rows of a wide row
};

/// Statistics [channels] as long as a wide row.
template <class T>
class Repeated {
 public:
  explicit Repeated(const Frame& f)
      : frame_(f), room_(static_cast<size_t>(f.repeats > 1 ? 6 * f.width() : 0) * sizeof(T)) {}
  /// At most six times.
  const T* operator()(const T* values) {
    if (frame_.repeats == 1 || !values) return values;
    T* to = room_.as<T>() + used_++ * frame_.width();
    for (int64_t i = 0; i < frame_.repeats; ++i)
      std::copy_n(values, frame_.channels, to + i * frame_.channels);
    return to;
  }

 private:
  Frame frame_;
  Buffer room_;
  int64_t used_ = 0;
};

/// Moves the arrays that have rows to row `first`.
template <class T>
ChannelPass<T> from_row(ChannelPass<T> p, int64_t first, int64_t channels) {
  for (const T** array : {&p.x, &p.dy, &p.residual, &p.gate_y})
    if (*array) *array += first * channels;
  if (p.y) p.y += first * channels;
  return p;
}

/// Runs the pass over rows first .. first + count - 1: wide rows, then single ones.
template <class T, class Run>
void run_rows(const Frame& f, const ChannelPass<T>& pass, int64_t first, int64_t count,
              const Run& run) {
  const int64_t wide = count / f.repeats, rest = count % f.repeats;
  ChannelPass<T> p = from_row(pass, first, f.channels);
  p.count = wide, p.width = f.width();
  if (wide > 0) run(p);
  if (rest == 0) return;
  p = from_row(pass, first + wide * f.repeats, f.channels);
  p.count = rest, p.width = f.channels;
  run(p);
}

/// Runs a pass without sums over all rows.
template <class T>
void run_elements(const Frame& f, const ChannelPass<T>& pass, ChannelLoop<T> run) {
  parallel_for(f.chunks(), [&](int64_t begin, int64_t end) {
    const int64_t first = begin * f.chunk;
    run_rows(f, pass, first, std::min(f.rows, end * f.chunk) - first, run);
  });
}

/// Two sums a channel for every chunk.
template <class T>
class ChunkSums {
 public:
  explicit ChunkSums(const Frame& f)
      : frame_(f), sums_(static_cast<size_t>(2 * f.chunks() * f.channels) * sizeof(T)) {}
  T* sum(int64_t chunk) const { return sums_.template as<T>() + 2 * chunk * frame_.channels; }
  T* products(int64_t chunk) const { return sum(chunk) + frame_.channels; }

  /// Runs a pass of sums over one chunk.
  void run(int64_t chunk, const ChannelPass<T>& pass, ChannelLoop<T> body) const {
    const Frame& f = frame_;
    const int64_t first = chunk * f.chunk;
    std::fill_n(sum(chunk), 2 * f.channels, T(0));
    const Buffer wide(static_cast<size_t>(2 * f.width()) * sizeof(T));
    run_rows(f, pass, first, std::min(f.chunk, f.rows - first), [&](ChannelPass<T>& p) {
      p.sum = wide.as<T>(), p.products = p.sum + p.width;
      body(p);
      for (int64_t i = 0; i < p.width; i += f.channels)
        for (int64_t c = 0; c < f.channels; ++c) {
          sum(chunk)[c] += p.sum[i + c];
          products(chunk)[c] += p.products[i + c];
        }
    });
  }

 private:
  Frame frame_;
  Buffer sums_;
};

}  // namespace

template <class T>
void channel_statistics(int64_t rows, int64_t channels, const T* x, T* mean, T* variance) {
  channel_statistics<T>(rows, channels, x, mean, variance, 1, {});
}

template <class T>
void channel_statistics(int64_t rows, int64_t channels, const T* x, T* mean, T* variance,
                        int64_t unit, const std::function<void(int64_t, int64_t)>& write) {
  const Frame f(rows, channels, unit);
  const ChunkSums<T> sums(f);
  const ChannelLoop<T> pass = deviations_loop<T>();
  parallel_for(f.chunks(), [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      if (write) write(chunk * f.chunk, std::min(f.chunk, rows - chunk * f.chunk));
      Repeated<T> repeated(f);
      ChannelPass<T> p;
      p.x = x, p.mean = repeated(x + chunk * f.chunk * channels);
      sums.run(chunk, p, pass);
    }
  });

  const ChannelMoments merged =
      merged_moments<T>(channels, 1, f.chunks(), [&](int64_t chunk) -> ChunkMoments<T> {
        return {.count = std::min(f.chunk, rows - chunk * f.chunk),
                .pivot = x + chunk * f.chunk * channels,
                .sum = sums.sum(chunk),
                .products = sums.products(chunk)};
      });
  const auto narrow = [](double value) { return static_cast<T>(value); };
  std::ranges::transform(merged.mean, mean, narrow);
  std::ranges::transform(merged.covariance, variance, narrow);
}

template <class T>
void scale_channels(int64_t rows, int64_t channels, const T* x, const T* mean, const T* factor,
                    const T* shift, const T* residual, bool relu, T* y) {
  const Frame f(rows, channels);
  Repeated<T> repeated(f);
  ChannelPass<T> p;
  p.x = x, p.residual = residual, p.y = y, p.relu = relu;
  p.mean = repeated(mean), p.factor = repeated(factor), p.shift = repeated(shift);
  run_elements(f, p, scale_loop<T>());
}

template <class T>
void channel_gradient_sums(int64_t rows, int64_t channels, const T* x, const T* mean, const T* dy,
                           T* sum_dy, T* sum_dy_x, const ReluGate<T>& gate, T* passed) {
  const Frame f(rows, channels);
  Repeated<T> repeated(f);
  ChannelPass<T> p;
  p.x = x, p.dy = dy, p.mean = repeated(mean);
  p.gate_y = gate.y, p.y = passed;
  p.gate_factor = repeated(gate.factor), p.gate_shift = repeated(gate.shift);
  const ChunkSums<T> sums(f);
  const ChannelLoop<T> pass = gradient_sums_loop<T>();
  parallel_for(f.chunks(), [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) sums.run(chunk, p, pass);
  });
  std::fill_n(sum_dy, channels, T(0));
  std::fill_n(sum_dy_x, channels, T(0));
  for (int64_t chunk = 0; chunk < f.chunks(); ++chunk)
    for (int64_t c = 0; c < channels; ++c) {
      sum_dy[c] += sums.sum(chunk)[c];
      sum_dy_x[c] += sums.products(chunk)[c];
    }
}

template <class T>
void gate_channels(int64_t rows, int64_t channels, const T* dy, const T* y, T* passed, T* sum) {
  const Frame f(rows, channels);
  ChannelPass<T> p;
  p.dy = dy, p.gate_y = y, p.y = passed;
  const ChunkSums<T> sums(f);
  const ChannelLoop<T> pass = gate_loop<T>();
  parallel_for(f.chunks(), [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) sums.run(chunk, p, pass);
  });
  std::fill_n(sum, channels, T(0));
  for (int64_t chunk = 0; chunk < f.chunks(); ++chunk)
    for (int64_t c = 0; c < channels; ++c) sum[c] += sums.sum(chunk)[c];
}

template <class T>
void channel_gradient(int64_t rows, int64_t channels, const T* x, const T* mean, const T* dy,
                      const T* dy_factor, const T* x_factor, const T* shift, T* dx,
                      const ReluGate<T>& gate) {
  const Frame f(rows, channels);
  Repeated<T> repeated(f);
  ChannelPass<T> p;
  p.x = x, p.dy = dy, p.y = dx;
  p.mean = repeated(mean), p.factor = repeated(dy_factor), p.x_factor = repeated(x_factor);
  p.shift = repeated(shift);
  p.gate_factor = repeated(gate.factor), p.gate_shift = repeated(gate.shift);
  run_elements(f, p, gradient_loop<T>());
}

#define PAPILIO_INSTANTIATE(T)                                                                     \
  template void channel_statistics(int64_t, int64_t, const T*, T*, T*);                            \
  template void channel_statistics(int64_t, int64_t, const T*, T*, T*, int64_t,                    \
                                   const std::function<void(int64_t, int64_t)>&);                  \
  template void scale_channels(int64_t, int64_t, const T*, const T*, const T*, const T*, const T*, \
                               bool, T*);                                                          \
  template void channel_gradient_sums(int64_t, int64_t, const T*, const T*, const T*, T*, T*,      \
                                      const ReluGate<T>&, T*);                                     \
  template void gate_channels(int64_t, int64_t, const T*, const T*, T*, T*);                       \
  template void channel_gradient(int64_t, int64_t, const T*, const T*, const T*, const T*,         \
                                 const T*, const T*, T*, const ReluGate<T>&);
PAPILIO_INSTANTIATE(float)
PAPILIO_INSTANTIATE(double)
#undef PAPILIO_INSTANTIATE

}  // namespace papilio::kernels
