// What is the same for every SIMD target: the cut into tiles and chunks, padding and cropping,
// threads. Long because forward, backward and the packing of twiddles share one view of a call.

#include "papilio/core/kernels/butterfly.h"

#include <algorithm>
#include <bit>
#include <complex>
#include <cstring>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "papilio/core/kernels/butterfly_kernels.h"
#include "papilio/core/memory.h"
#include "papilio/core/threads.h"

namespace papilio::kernels {
namespace {

void check(const ButterflyShape& s) {
  const auto require = [](bool rule, const char* text) {
    if (!rule) throw std::invalid_argument(std::string("butterfly kernel: ") + text);
  };
  require(s.n >= 1 && std::has_single_bit(static_cast<uint64_t>(s.n)), "n must be a power of two");
  require(s.nstacks >= 1 && s.nblocks >= 1, "nstacks and nblocks must be at least 1");
  require(s.batch >= 0 && s.in_features >= 0, "batch and in_features must not be negative");
  require(s.out_features >= 0 && s.out_features <= s.nstacks * s.n,
          "out_features must be in 0 ... nstacks * n");
}

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

template <class T>
Real<T>* reals(const T* p) {  // Rows serve reading and writing alike
  return const_cast<Real<T>*>(reinterpret_cast<const Real<T>*>(p));
}

/// A call's sizes and its twiddle, in the terms of butterfly_kernels.h.
template <class T>
class Call {
 public:
  static constexpr int64_t kPlanes = std::is_same_v<T, Real<T>> ? 1 : 2;

  Call(const ButterflyShape& s, const T* twiddle, bool backward)
      : shape(s),
        kernels(butterfly_kernels<T>()),
        levels(std::countr_zero(static_cast<uint64_t>(s.n))) {
    vectors = std::max<int64_t>(s.n / kernels.lanes, 2);
    row_size = vectors * kernels.lanes;
    samples_per_row = row_size / s.n;
    rows = ceil_div(s.batch, samples_per_row);
    stack_size = s.nblocks * levels * row_size * 2 * kPlanes;
    packed = backward || rows >= kernels.packed_rows;
    prepare(twiddle);
  }

  const ButterflyShape& shape;
  const ButterflyKernels<T> kernels;
  const int levels;
  int64_t vectors, row_size, samples_per_row, rows;
  int64_t stack_size;  // reals of the twiddle of one stack
  bool packed;

  RowsPlan<T> plan(int64_t stack, int64_t count) const {
    return {levels,        vectors,
            shape.nblocks, shape.increasing_stride,
            count,         twiddle_ + stack * stack_size,
            packed};
  }
  /// The number of rows in a tile of about `bytes`, of `count` rows in total.
  int64_t tile_rows(int64_t count, int64_t bytes) const {
    const int64_t fit = std::clamp<int64_t>(bytes / (row_size * int64_t{sizeof(T)}), 4, 32);
    const int64_t tiles = ceil_div(count, fit);
    return ceil_div(ceil_div(count, tiles), 4) * 4;
  }
  int64_t kept(int64_t stack) const {
    return std::clamp<int64_t>(shape.out_features - stack * shape.n, 0, shape.n);
  }
  /// A guess at the nanoseconds that one row takes, forward in one stack.
  double row_nanoseconds() const {
    return 0.5 / kernels.lanes * double(row_size) *
           double(levels * shape.nblocks * kPlanes * kPlanes);
  }

  // Staged rows are padded to row_size elements, with a pitch that is not a power of two.
  int64_t stage_pitch() const { return row_size + kernels.lanes; }
  Rows<T> staged(T* stage) const { return as_rows(stage, stage_pitch()); }
  /// Whether rows of `pitch` elements, of which `width` are used, can be worked on where they are.
  bool in_place(int64_t width) const { return samples_per_row == 1 && width >= shape.n; }
  Rows<T> as_rows(const T* first, int64_t pitch) const {
    return {reals(first), kernels.lanes * kPlanes, pitch * kPlanes, false};
  }

  /// Rows [begin, begin + count) of source[batch, pitch]: `width` elements each, then zeros.
  void fill(T* stage, const T* source, int64_t pitch, int64_t width, int64_t begin,
            int64_t count) const {
    for_each_sample(begin, count, stage, [&](T* to, int64_t sample) {
      const int64_t valid = sample < shape.batch ? std::min(width, shape.n) : 0;
      if (valid) std::memcpy(static_cast<void*>(to), source + sample * pitch, valid * sizeof(T));
      std::memset(static_cast<void*>(to + valid), 0, (shape.n - valid) * sizeof(T));
    });
  }
  /// The way back; adds to the target if `add`.
  void drain(const T* stage, T* target, int64_t pitch, int64_t width, int64_t begin, int64_t count,
             bool add = false) const {
    for_each_sample(begin, count, const_cast<T*>(stage), [&](const T* from, int64_t sample) {
      if (sample >= shape.batch) return;
      T* to = target + sample * pitch;
      const int64_t valid = std::min(width, shape.n);
      if (add)
        for (int64_t i = 0; i < valid; ++i) to[i] += from[i];
      else
        std::copy_n(from, valid, to);
    });
  }

 private:
  template <class Body>
  void for_each_sample(int64_t begin, int64_t count, T* stage, const Body& body) const {
    for (int64_t row = 0; row < count; ++row)
      for (int64_t i = 0; i < samples_per_row; ++i)
        body(stage + row * stage_pitch() + i * shape.n, (begin + row) * samples_per_row + i);
  }

  /// Repeats the matrices for the samples of a row, and packs them.
  void prepare(const T* twiddle) {
    twiddle_ = reals(twiddle);
    const int64_t factors = shape.nstacks * shape.nblocks * levels;
    if (samples_per_row > 1) {
      const int64_t size = 2 * shape.n;
      repeated_.emplace(factors * row_size * 2 * sizeof(T));
      T* to = repeated_->as<T>();
      for (int64_t f = 0; f < factors; ++f)
        for (int64_t i = 0; i < samples_per_row; ++i, to += size)
          std::copy_n(twiddle + f * size, size, to);
      twiddle_ = reals(repeated_->as<T>());
    }
    if (packed) {
      packed_.emplace(factors * row_size * 2 * sizeof(T));
      const int64_t count = factors * vectors / 2, size = 4 * kernels.lanes * kPlanes;
      const auto body = [&](int64_t begin, int64_t end) {
        kernels.pack(twiddle_ + begin * size, end - begin, packed_->as<Real<T>>() + begin * size);
      };
      parallel_for(count, std::cref(body), 1 << 14);
      twiddle_ = packed_->as<Real<T>>();
    }
  }

  std::optional<Buffer> repeated_, packed_;
  const Real<T>* twiddle_;
};

/// n = 1: the first column, in every stack.
template <class T>
void identity(const ButterflyShape& s, const T* x, T* y) {
  for (int64_t row = 0; row < s.batch; ++row)
    std::fill_n(y + row * s.out_features, s.out_features,
                s.in_features > 0 ? x[row * s.in_features] : T(0));
}

template <class T>
void identity_backward(const ButterflyShape& s, const T* grad_y, T* grad_x) {
  for (int64_t row = 0; row < s.batch; ++row) {
    T sum(0);
    for (int64_t i = 0; i < s.out_features; ++i) sum += grad_y[row * s.out_features + i];
    std::fill_n(grad_x + row * s.in_features, s.in_features, T(0));
    if (s.in_features > 0) grad_x[row * s.in_features] = sum;
  }
}

/// The number of tasks of `nanoseconds` each that is worth a thread.
int64_t grain(double nanoseconds) { return 1 + static_cast<int64_t>(50e3 / nanoseconds); }

template <class T>
void forward(const Call<T>& call, const T* x, T* y) {
  const ButterflyShape& s = call.shape;
  const int64_t tile = call.tile_rows(call.rows, call.kernels.forward_tile),
                tiles = ceil_div(call.rows, tile);
  const auto body = [&](int64_t begin, int64_t end) {
    const int64_t stage_size = tile * call.stage_pitch();
    const bool x_in_place = call.in_place(s.in_features);
    Buffer buffer((3 * stage_size) * sizeof(T));
    T *scratch = buffer.as<T>(), *x_stage = scratch + stage_size, *y_stage = x_stage + stage_size;
    for (int64_t task = begin; task < end; ++task) {
      const int64_t stack = task % s.nstacks, first = task / s.nstacks * tile;
      const int64_t count = std::min(tile, call.rows - first), kept = call.kept(stack);
      if (kept == 0) continue;
      if (!x_in_place) call.fill(x_stage, x, s.in_features, s.in_features, first, count);
      T* stack_y = y + stack * s.n;
      const bool y_in_place = call.in_place(kept);
      call.kernels.forward(call.plan(stack, count),
                           x_in_place ? call.as_rows(x + first * s.in_features, s.in_features)
                                      : call.staged(x_stage),
                           y_in_place
                               ? call.as_rows(stack_y + first * s.out_features, s.out_features)
                               : call.staged(y_stage),
                           reals(scratch));
      if (!y_in_place) call.drain(y_stage, stack_y, s.out_features, kept, first, count);
    }
  };
  parallel_for(tiles * s.nstacks, std::cref(body), grain(call.row_nanoseconds() * double(tile)));
}

/// Sums the chunks' packed gradients into grad_twiddle.
template <class T>
void collect(const Call<T>& call, const Real<T>* sums, int64_t chunks, T* grad_twiddle) {
  const ButterflyShape& s = call.shape;
  const int64_t size = s.nstacks * call.stack_size, copies = call.samples_per_row;
  Buffer repeated(copies > 1 ? size * sizeof(Real<T>) : 0);
  T* matrices = copies > 1 ? repeated.as<T>() : grad_twiddle;
  const int64_t slots = 4 * call.kernels.lanes * Call<T>::kPlanes;
  const auto body = [&](int64_t begin, int64_t end) {
    call.kernels.unpack_sum(sums + begin * slots, chunks, size, end - begin,
                            reals(matrices) + begin * slots);
  };
  parallel_for(size / slots, std::cref(body), (1 << 14) / chunks + 1);
  if (copies == 1) return;
  for (int64_t f = 0; f < s.nstacks * s.nblocks * call.levels; ++f)
    for (int64_t i = 0; i < 2 * s.n; ++i) {
      const T* first = matrices + f * copies * 2 * s.n + i;
      T sum = first[0];
      for (int64_t c = 1; c < copies; ++c) sum += first[c * 2 * s.n];
      grad_twiddle[f * 2 * s.n + i] = sum;
    }
}

template <class T>
void backward(const Call<T>& call, const T* x, const T* grad_y, T* grad_x, T* grad_twiddle) {
  const ButterflyShape& s = call.shape;
  // Chunks of at least 16 rows; at most 16 chunks, and 64 MiB for their sums.
  const int64_t sums_size = s.nstacks * call.stack_size;
  const int64_t affordable = (int64_t{64} << 20) / (sums_size * int64_t{sizeof(Real<T>)});
  const int64_t chunks = std::clamp<int64_t>(std::min(affordable, call.rows / 16), 1, 16);
  Buffer sums(chunks * sums_size * sizeof(Real<T>));
  const auto body = [&](int64_t begin, int64_t end) {
    const int64_t tile = call.tile_rows(ceil_div(call.rows, chunks), call.kernels.backward_tile);
    const int64_t stage_size = tile * call.stage_pitch();
    const int64_t scratch_size = call.kernels.backward_scratch(call.plan(0, tile)) * stage_size;
    Buffer buffer((3 * stage_size + scratch_size) * sizeof(T));
    T *x_stage = buffer.as<T>(), *y_stage = x_stage + stage_size;
    T *grad_stage = y_stage + stage_size, *scratch = grad_stage + stage_size;
    const bool x_in_place = call.in_place(s.in_features);
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      Real<T>* chunk_sums = sums.as<Real<T>>() + chunk * sums_size;
      std::memset(chunk_sums, 0, sums_size * sizeof(Real<T>));
      const int64_t chunk_end = call.rows * (chunk + 1) / chunks;
      for (int64_t first = call.rows * chunk / chunks; first < chunk_end; first += tile) {
        const int64_t count = std::min(tile, chunk_end - first);
        if (!x_in_place) call.fill(x_stage, x, s.in_features, s.in_features, first, count);
        for (int64_t stack = 0; stack < s.nstacks; ++stack) {
          const T* stack_grad = grad_y + stack * s.n;
          const int64_t kept = call.kept(stack);
          const bool y_in_place = call.in_place(kept);
          const bool grad_in_place = grad_x && x_in_place && stack == 0;
          if (!y_in_place) call.fill(y_stage, stack_grad, s.out_features, kept, first, count);
          call.kernels.backward(
              call.plan(stack, count),
              x_in_place ? call.as_rows(x + first * s.in_features, s.in_features)
                         : call.staged(x_stage),
              y_in_place ? call.as_rows(stack_grad + first * s.out_features, s.out_features)
                         : call.staged(y_stage),
              grad_in_place ? call.as_rows(grad_x + first * s.in_features, s.in_features)
                            : call.staged(grad_stage),
              chunk_sums + stack * call.stack_size, reals(scratch));
          if (grad_x && !grad_in_place)
            call.drain(grad_stage, grad_x, s.in_features, s.in_features, first, count, stack > 0);
        }
      }
    }
  };
  const double chunk_rows = double(call.rows) / double(chunks);
  parallel_for(chunks, std::cref(body),
               grain(4 * call.row_nanoseconds() * chunk_rows * double(s.nstacks)));
  if (grad_twiddle) collect(call, sums.as<Real<T>>(), chunks, grad_twiddle);
  if (grad_x && s.in_features > s.n)
    for (int64_t row = 0; row < s.batch; ++row)
      std::fill(grad_x + row * s.in_features + s.n, grad_x + (row + 1) * s.in_features, T(0));
}

}  // namespace

template <class T>
void butterfly_forward(const ButterflyShape& shape, const T* twiddle, const T* x, T* y) {
  check(shape);
  if (shape.batch == 0) return;
  if (shape.n == 1) return identity(shape, x, y);
  forward(Call<T>(shape, twiddle, false), x, y);
}

template <class T>
void butterfly_backward(const ButterflyShape& shape, const T* twiddle, const T* x, const T* grad_y,
                        T* grad_x, T* grad_twiddle) {
  check(shape);
  if (shape.batch == 0) {
    if (grad_twiddle) {
      const int64_t levels = std::countr_zero(static_cast<uint64_t>(shape.n));
      std::fill_n(grad_twiddle, shape.nstacks * shape.nblocks * levels * shape.n * 2, T(0));
    }
  } else if (shape.n == 1) {
    if (grad_x) identity_backward(shape, grad_y, grad_x);
  } else if (grad_x || grad_twiddle) {
    backward(Call<T>(shape, twiddle, true), x, grad_y, grad_x, grad_twiddle);
  }
}

#define PAPILIO_INSTANTIATE(T)                                                    \
  template void butterfly_forward(const ButterflyShape&, const T*, const T*, T*); \
  template void butterfly_backward(const ButterflyShape&, const T*, const T*, const T*, T*, T*);
PAPILIO_INSTANTIATE(float)
PAPILIO_INSTANTIATE(double)
PAPILIO_INSTANTIATE(std::complex<float>)
PAPILIO_INSTANTIATE(std::complex<double>)
#undef PAPILIO_INSTANTIATE

}  // namespace papilio::kernels
