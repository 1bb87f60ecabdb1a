// What is the same for every SIMD target: the cut into tiles and chunks, stacks, threads, and the
// packing of twiddles. Long because forward and backward share one view of a call.

#include "papilio/core/kernels/butterfly.h"

#include <algorithm>
#include <bit>
#include <complex>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "papilio/core/kernels/butterfly_freeze.h"
#include "papilio/core/kernels/butterfly_kernels.h"
#include "papilio/core/kernels/simd.h"
#include "papilio/core/memory.h"
#include "papilio/core/threads.h"

namespace papilio::kernels {
namespace {

void require(bool rule, const char* text) {
  if (!rule) throw std::invalid_argument(std::string("butterfly kernel: ") + text);
}

void check(const ButterflyShape& s) {
  require(s.n >= 1 && std::has_single_bit(static_cast<uint64_t>(s.n)), "n must be a power of two");
  require(s.nstacks >= 1 && s.nblocks >= 1, "nstacks and nblocks must be at least 1");
  require(s.batch >= 0 && s.in_features >= 0, "batch and in_features must not be negative");
  require(s.out_features >= 0 && s.out_features <= s.nstacks * s.n,
          "out_features must be in 0 ... nstacks * n");
}

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t log2_of(int64_t n) { return std::countr_zero(static_cast<uint64_t>(n)); }

template <class T>
Real<T>* reals(const T* p) {  // Rows serve reading and writing alike
  return const_cast<Real<T>*>(reinterpret_cast<const Real<T>*>(p));
}

template <class T>
constexpr int64_t kPlanes = std::is_same_v<T, Real<T>> ? 1 : 2;

/// How one row of an n x n butterfly stands in vectors.
struct RowShape {
  int64_t vectors, size, samples;  // `size` numbers, of `samples` samples

  RowShape(int64_t n, int64_t lanes)
      : vectors(std::max<int64_t>(n / lanes, 1)), size(vectors * lanes), samples(size / n) {}
};

/// Between the factors of a packed twiddle, so that they don't share sets of the cache.
template <class T>
constexpr int64_t kFactorGap = 512 / sizeof(T);

/// The number of tasks of `nanoseconds` each that is worth a thread.
int64_t grain(double nanoseconds) { return 1 + static_cast<int64_t>(10e3 / nanoseconds); }

}  // namespace

// ---------------------------------------------------------------- packed twiddles

template <class T>
PackedTwiddle<T>::PackedTwiddle(const ButterflyShape& shape, bool frozen, const T* factors,
                                const T* scales)
    : shape_(shape), target_(simd_target().data()), frozen_(frozen), data_(0) {
  const ButterflyKernels<T> kernels = butterfly_kernels<T>();
  const RowShape row(shape.n, kernels.lanes);
  const int64_t levels = log2_of(shape.n), factors_of_stack = shape.nblocks * levels;
  const int64_t numbers = frozen ? shape.n : 2 * shape.n;  // of a factor
  if (shape.layout == Layout::features_major) {            // as it is: factors, then scales
    factor_pitch_ = numbers;
    stack_pitch_ = factors_of_stack * numbers + (frozen ? shape.n : 0);
    data_ = Buffer(static_cast<size_t>(shape.nstacks * stack_pitch_) * sizeof(T));
    T* to = data_.as<T>();
    for (int64_t stack = 0; stack < shape.nstacks; ++stack) {
      to =
          std::copy_n(factors + stack * factors_of_stack * numbers, factors_of_stack * numbers, to);
      if (frozen) to = std::copy_n(scales + stack * shape.n, shape.n, to);
    }
    return;
  }
  factor_pitch_ = row.samples * numbers + kFactorGap<T>;
  stack_pitch_ = factors_of_stack * factor_pitch_ + (frozen ? row.size : 0);
  data_ = Buffer(static_cast<size_t>(shape.nstacks * stack_pitch_) * sizeof(T));
  const Buffer repeated(row.samples > 1 ? static_cast<size_t>(row.samples * numbers) * sizeof(T)
                                        : 0);
  for (int64_t stack = 0; stack < shape.nstacks; ++stack) {
    T* to = data_.as<T>() + stack * stack_pitch_;
    for (int64_t f = 0; f < factors_of_stack; ++f, to += factor_pitch_) {
      const T* from = factors + (stack * factors_of_stack + f) * numbers;
      if (row.samples > 1) {
        for (int64_t i = 0; i < row.samples; ++i)
          std::copy_n(from, numbers, repeated.as<T>() + i * numbers);
        from = repeated.as<T>();
      }
      const bool increasing = shape.increasing_stride != (f / levels % 2 == 1);
      const int64_t level = increasing ? f % levels : levels - 1 - f % levels;
      kernels.pack(static_cast<int>(level), row.vectors, frozen, from, reals(to));
    }
    if (!frozen) continue;
    for (int64_t i = 0; i < row.size; ++i) {  // as slots
      const T scale = scales[stack * shape.n + i % shape.n];
      const int64_t slot = i / kernels.lanes * kernels.lanes * kPlanes<T>;
      for (int64_t plane = 0; plane < kPlanes<T>; ++plane)
        reals(to)[slot + plane * kernels.lanes + i % kernels.lanes] = reals(&scale)[plane];
    }
  }
}

template <class T>
PackedTwiddle<T>::PackedTwiddle(const ButterflyShape& shape, const T* twiddle)
    : PackedTwiddle((check(shape), shape), false, twiddle, nullptr) {}

template <class T>
std::optional<PackedTwiddle<T>> PackedTwiddle<T>::frozen(const ButterflyShape& shape,
                                                         const T* twiddle) {
  check(shape);
  const FrozenTwiddle<T> frozen = freeze_twiddle(shape, twiddle);
  if (!frozen.exists) return std::nullopt;
  return PackedTwiddle(shape, true, frozen.factors.data(), frozen.scales.data());
}

// ---------------------------------------------------------------- one call

/// A call's sizes and its twiddle, in the terms of butterfly_kernels.h.
template <class T>
class ButterflyCall {
 public:
  ButterflyCall(const ButterflyShape& s, const PackedTwiddle<T>& twiddle)
      : shape(s),
        kernels(butterfly_kernels<T>()),
        levels(static_cast<int>(log2_of(s.n))),
        row(s.n, kernels.lanes),
        rows(ceil_div(s.batch, row.samples)),
        twiddle_(twiddle) {
    const ButterflyShape& t = twiddle.shape_;
    require(t.n == s.n && t.nstacks == s.nstacks && t.nblocks == s.nblocks &&
                t.increasing_stride == s.increasing_stride && t.layout == s.layout,
            "the twiddle is packed for another shape or layout");
    require(twiddle.target_ == simd_target().data(),
            "the twiddle is packed for another SIMD target");
  }

  const ButterflyShape& shape;
  const ButterflyKernels<T> kernels;
  const int levels;
  const RowShape row;
  const int64_t rows;

  RowsPlan<T> plan(int64_t stack, int64_t count) const {
    const T* first = twiddle_.data_.template as<T>() + stack * twiddle_.stack_pitch_;
    RowsPlan<T> plan = {.levels = levels,
                        .vectors = row.vectors,
                        .nblocks = shape.nblocks,
                        .increasing_stride = shape.increasing_stride,
                        .rows = count,
                        .twiddle = reals(first),
                        .factor_pitch = twiddle_.factor_pitch_ * kPlanes<T>,
                        .frozen = twiddle_.frozen_,
                        .finish = {}};
    if (plan.frozen) plan.finish.scale = plan.twiddle + shape.nblocks * levels * plan.factor_pitch;
    return plan;
  }
  ColumnsPlan<T> columns_plan(int64_t stack, int vectors, const ButterflyEnd<T>& end) const {
    const T* first = twiddle_.data_.template as<T>() + stack * twiddle_.stack_pitch_;
    return {.levels = levels,
            .nblocks = shape.nblocks,
            .increasing_stride = shape.increasing_stride,
            .vectors = vectors,
            .twiddle = reals(first),
            .frozen = twiddle_.frozen_,
            .scale = twiddle_.frozen_ ? reals(first + factors() * twiddle_.factor_pitch_) : nullptr,
            .bias = end.bias ? reals(end.bias + stack * shape.n) : nullptr,
            .relu = end.relu};
  }
  int64_t factors() const { return shape.nblocks * levels; }
  int64_t factor_pitch() const { return twiddle_.factor_pitch_; }
  int64_t stack_pitch() const { return twiddle_.stack_pitch_; }

  /// The number of rows in a tile of about `bytes`, of `count` rows in total.
  int64_t tile_rows(int64_t count, int64_t bytes) const {
    const int64_t fit = std::clamp<int64_t>(bytes / (row.size * int64_t{sizeof(T)}), 8, 32);
    const int64_t tiles = ceil_div(count, fit);
    return ceil_div(ceil_div(count, tiles), 4) * 4;
  }
  int64_t kept(int64_t stack) const {
    return std::clamp<int64_t>(shape.out_features - stack * shape.n, 0, shape.n);
  }
  /// A guess at the nanoseconds that one row takes, forward in one stack.
  double row_nanoseconds() const {
    return 0.8 / kernels.lanes * double(row.size) *
           double(levels * shape.nblocks * kPlanes<T> * kPlanes<T>);
  }

  /// Rows of one sample each are worked on where they are; rows of several are staged.
  bool staged() const { return row.samples > 1; }
  int64_t stage_size(int64_t tile) const { return staged() ? tile * row.size : 0; }
  /// Rows from `first` on of an array with rows of `pitch` numbers, of which `width` are used.
  Rows<T> view(const T* array, int64_t first, int64_t pitch, int64_t width) const {
    return {reals(array + first * pitch), kernels.lanes * kPlanes<T>, pitch * kPlanes<T>, false,
            std::min(width, shape.n)};
  }
  Rows<T> stage_view(const T* stage) const {
    return {reals(stage), kernels.lanes * kPlanes<T>, row.size * kPlanes<T>, false, row.size};
  }
  /// A view of rows [first, first + count), after a copy to the stage if they must be staged.
  Rows<T> gather(T* stage, const T* array, int64_t first, int64_t count, int64_t pitch,
                 int64_t width) const {
    if (!staged()) return view(array, first, pitch, width);
    width = std::min(width, shape.n);
    for_each_sample(stage, first, count, [&](T* to, int64_t sample) {
      const int64_t valid = sample < shape.batch ? width : 0;
      if (valid > 0) std::copy_n(array + sample * pitch, valid, to);
      std::fill_n(to + valid, shape.n - valid, T(0));
    });
    return stage_view(stage);
  }
  /// The way back, of what was written to stage_view(stage); adds to the target if `add`.
  void scatter(const T* stage, T* target, int64_t first, int64_t count, int64_t pitch,
               int64_t width, bool add = false) const {
    width = std::min(width, shape.n);
    for_each_sample(const_cast<T*>(stage), first, count, [&](const T* from, int64_t sample) {
      if (sample >= shape.batch) return;
      T* to = target + sample * pitch;
      for (int64_t i = 0; i < width; ++i) to[i] = add ? to[i] + from[i] : from[i];
    });
  }

 private:
  template <class Body>
  void for_each_sample(T* stage, int64_t first, int64_t count, const Body& body) const {
    for (int64_t i = 0; i < count * row.samples; ++i)
      body(stage + i * shape.n, first * row.samples + i);
  }

  const PackedTwiddle<T>& twiddle_;
};

namespace {

// ---------------------------------------------------------------- n = 1

/// The first column, in every stack.
template <class T>
void identity(const ButterflyShape& s, const T* x, T* y, const ButterflyEnd<T>& end) {
  const bool rows = s.layout == Layout::rows;
  for (int64_t i = 0; i < s.batch; ++i)
    for (int64_t j = 0; j < s.out_features; ++j) {
      T value = s.in_features > 0 ? x[rows ? i * s.in_features : i] : T(0);
      if (end.bias) value += end.bias[j];
      if constexpr (kPlanes<T> == 1)
        if (end.relu) value = value < T(0) ? T(0) : value;
      y[rows ? i * s.out_features + j : j * s.batch + i] = value;
    }
}

template <class T>
void identity_backward(const ButterflyShape& s, const T* relu_y, const T* grad_y,
                       const ButterflyGradients<T>& gradients) {
  if (gradients.bias) std::fill_n(gradients.bias, s.out_features, T(0));
  for (int64_t row = 0; row < s.batch; ++row) {
    T sum(0);
    for (int64_t j = 0; j < s.out_features; ++j) {
      const int64_t at = row * s.out_features + j;
      T g = grad_y[at];
      if constexpr (kPlanes<T> == 1)
        if (relu_y && !(relu_y[at] > T(0))) g = T(0);
      sum += g;
      if (gradients.bias) gradients.bias[j] += g;
    }
    if (!gradients.x) continue;
    std::fill_n(gradients.x + row * s.in_features, s.in_features, T(0));
    if (s.in_features > 0) gradients.x[row * s.in_features] = sum;
  }
}

// ---------------------------------------------------------------- forward

/// Whether the bias stands as slots already.
template <class T>
bool bias_in_place(const ButterflyCall<T>& call) {
  return kPlanes<T> == 1 && !call.staged() && call.shape.out_features % call.kernels.lanes == 0;
}
/// The bias of every stack as slots.
template <class T>
Buffer bias_slots(const ButterflyCall<T>& call, const T* bias) {
  if (!bias || bias_in_place(call)) return Buffer(0);
  const int64_t lanes = call.kernels.lanes, stacks = call.shape.nstacks;
  Buffer buffer(static_cast<size_t>(stacks * call.row.size) * sizeof(T));
  Real<T>* slots = buffer.as<Real<T>>();
  for (int64_t stack = 0; stack < stacks; ++stack)
    for (int64_t i = 0; i < call.row.size; ++i) {
      const int64_t feature = stack * call.shape.n + i % call.shape.n;
      const T value = feature < call.shape.out_features ? bias[feature] : T(0);
      Real<T>* slot = slots + (stack * call.row.size + i / lanes * lanes) * kPlanes<T>;
      for (int64_t plane = 0; plane < kPlanes<T>; ++plane)
        slot[plane * lanes + i % lanes] = reals(&value)[plane];
    }
  return buffer;
}

/// Whether y should bypass the caches: it is far larger than they are, and made of whole vectors.
template <class T>
bool streams(const ButterflyShape& s, const T* y) {
  constexpr int64_t kLine = 64;
  return s.batch * s.out_features * int64_t{sizeof(T)} >= int64_t{32} << 20 &&
         s.out_features * int64_t{sizeof(T)} % kLine == 0 &&
         reinterpret_cast<uintptr_t>(y) % kLine == 0;
}

template <class T>
void forward(const ButterflyCall<T>& call, const T* x, T* y, const ButterflyEnd<T>& end) {
  const ButterflyShape& s = call.shape;
  const int64_t tile = call.tile_rows(call.rows, 64 << 10), tiles = ceil_div(call.rows, tile);
  const Buffer bias = bias_slots(call, end.bias);
  const bool stream = streams(s, y);
  const auto body = [&](int64_t begin, int64_t task_end) {
    const int64_t stage = call.stage_size(tile);
    const Buffer buffer(static_cast<size_t>(tile * call.row.size + 2 * stage) * sizeof(T));
    T *scratch = buffer.as<T>(), *x_stage = scratch + tile * call.row.size,
      *y_stage = x_stage + stage;
    for (int64_t task = begin; task < task_end; ++task) {
      const int64_t stack = task % s.nstacks, first = task / s.nstacks * tile;
      const int64_t count = std::min(tile, call.rows - first), kept = call.kept(stack);
      if (kept == 0) continue;
      RowsPlan<T> plan = call.plan(stack, count);
      if (end.bias)
        plan.finish.bias = bias_in_place(call)
                               ? reals(end.bias + stack * s.n)
                               : bias.as<Real<T>>() + stack * call.row.size * kPlanes<T>;
      plan.finish.relu = end.relu;
      plan.finish.stream = stream && !call.staged();
      T* stack_y = y + stack * s.n;
      call.kernels.forward(plan,
                           call.gather(x_stage, x, first, count, s.in_features, s.in_features),
                           call.staged() ? call.stage_view(y_stage)
                                         : call.view(stack_y, first, s.out_features, kept),
                           reals(scratch));
      if (call.staged()) call.scatter(y_stage, stack_y, first, count, s.out_features, kept);
    }
  };
  parallel_for(tiles * s.nstacks, std::cref(body), grain(call.row_nanoseconds() * double(tile)));
}

/// Features-major. Tiles of two vectors of columns where there are as many: one alone would be
/// bound by the loads of the twiddle.
template <class T>
void forward_columns(const ButterflyCall<T>& call, const T* x, T* y, const ButterflyEnd<T>& end) {
  const ButterflyShape& s = call.shape;
  const int64_t lanes = call.kernels.lanes, most = call.kernels.max_columns;
  const int64_t vectors = ceil_div(s.batch, lanes), tiles = ceil_div(vectors, most);
  const auto body = [&](int64_t begin, int64_t task_end) {
    const int64_t width = most * lanes;
    const Buffer buffer(static_cast<size_t>((2 * s.n + s.in_features) * width) * sizeof(T));
    T *scratch = buffer.as<T>(), *y_stage = scratch + s.n * width, *x_stage = y_stage + s.n * width;
    for (int64_t task = begin; task < task_end; ++task) {
      const int64_t stack = task % s.nstacks, tile = task / s.nstacks, kept = call.kept(stack);
      if (kept == 0) continue;
      const int64_t first = vectors * tile / tiles * lanes;
      const int64_t last = std::min(vectors * (tile + 1) / tiles * lanes, s.batch);
      const int64_t columns = ceil_div(last - first, lanes) * lanes;
      T* stack_y = y + stack * s.n * s.batch + first;
      Columns<T> from = {reals(x + first), s.batch, false, std::min(s.in_features, s.n)};
      Columns<T> to = {reals(stack_y), s.batch, false, kept};
      const bool staged = first + columns > s.batch;
      if (last + columns <= s.batch) from.ahead = columns * kPlanes<T>;
      if (staged) {
        for (int64_t f = 0; f < from.features; ++f) {
          T* row = std::copy_n(x + f * s.batch + first, last - first, x_stage + f * columns);
          std::fill(row, x_stage + (f + 1) * columns, T(0));
        }
        from = {reals(x_stage), columns, false, from.features};
        to = {reals(y_stage), columns, false, kept};
      }
      call.kernels.forward_columns(call.columns_plan(stack, static_cast<int>(columns / lanes), end),
                                   from, to, reals(scratch));
      if (staged)
        for (int64_t f = 0; f < kept; ++f)
          std::copy_n(y_stage + f * columns, last - first, stack_y + f * s.batch);
    }
  };
  const double nanoseconds = call.row_nanoseconds() * double(most * lanes);
  parallel_for(tiles * s.nstacks, std::cref(body), grain(nanoseconds));
}

// ---------------------------------------------------------------- backward

/// Sums the chunks' packed gradients into grad_twiddle.
template <class T>
void collect(const ButterflyCall<T>& call, const T* sums, int64_t chunks, T* grad_twiddle) {
  const ButterflyShape& s = call.shape;
  const int64_t chunk_size = s.nstacks * call.stack_pitch(), copies = call.row.samples;
  const auto body = [&](int64_t begin, int64_t end) {
    const Buffer repeated(copies > 1 ? static_cast<size_t>(2 * call.row.size) * sizeof(T) : 0);
    for (int64_t f = begin; f < end; ++f) {
      const int64_t stack = f / call.factors(), k = f % call.factors(), e = k % call.levels;
      const bool increasing = s.increasing_stride != (k / call.levels % 2 == 1);
      T *to = grad_twiddle + f * 2 * s.n, *all = copies > 1 ? repeated.as<T>() : to;
      call.kernels.unpack_sum(static_cast<int>(increasing ? e : call.levels - 1 - e),
                              call.row.vectors,
                              reals(sums + stack * call.stack_pitch() + k * call.factor_pitch()),
                              chunks, chunk_size * kPlanes<T>, all);
      if (copies == 1) continue;
      for (int64_t i = 0; i < 2 * s.n; ++i) {
        to[i] = all[i];
        for (int64_t c = 1; c < copies; ++c) to[i] += all[c * 2 * s.n + i];
      }
    }
  };
  parallel_for(s.nstacks * call.factors(), std::cref(body),
               (1 << 16) / (chunks * call.row.size) + 1);
}

template <class T>
void collect_bias(const ButterflyCall<T>& call, const Real<T>* sums, int64_t chunks, T* bias) {
  const ButterflyShape& s = call.shape;
  const int64_t lanes = call.kernels.lanes, size = s.nstacks * call.row.size * kPlanes<T>;
  std::fill_n(bias, s.out_features, T(0));
  for (int64_t chunk = 0; chunk < chunks; ++chunk)
    for (int64_t stack = 0; stack < s.nstacks; ++stack)
      for (int64_t i = 0; i < call.row.size; ++i) {
        const int64_t feature = stack * s.n + i % s.n;
        if (feature >= s.out_features) continue;
        const Real<T>* slot =
            sums + chunk * size + (stack * call.row.size + i / lanes * lanes) * kPlanes<T>;
        for (int64_t plane = 0; plane < kPlanes<T>; ++plane)
          reals(bias + feature)[plane] += slot[plane * lanes + i % lanes];
      }
}

template <class T>
void backward(const ButterflyCall<T>& call, const T* x, const T* relu_y, const T* grad_y,
              const ButterflyGradients<T>& gradients) {
  const ButterflyShape& s = call.shape;
  // Chunks of at least 64 rows; at most 16 chunks, and 64 MiB for their sums.
  const int64_t sums_size = s.nstacks * call.stack_pitch();
  const int64_t affordable = (int64_t{64} << 20) / (sums_size * int64_t{sizeof(T)});
  const int64_t chunks = std::clamp<int64_t>(std::min(affordable, call.rows / 64), 1, 16);
  const int64_t bias_size = gradients.bias ? s.nstacks * call.row.size * kPlanes<T> : 0;
  const Buffer sums(static_cast<size_t>(chunks * sums_size) * sizeof(T));
  const Buffer bias_sums(static_cast<size_t>(chunks * bias_size) * sizeof(Real<T>));
  std::fill_n(bias_sums.as<Real<T>>(), chunks * bias_size, Real<T>(0));
  const bool gated = relu_y || gradients.bias;
  const auto body = [&](int64_t begin, int64_t end) {
    const int64_t tile = call.tile_rows(ceil_div(call.rows, chunks), 64 << 10);
    const int64_t slab = tile * call.row.size;
    const Buffer buffer(
        static_cast<size_t>((5 + call.kernels.backward_scratch(call.plan(0, tile))) * slab) *
        sizeof(T));
    T *x_stage = buffer.as<T>(), *y_stage = x_stage + slab, *relu_stage = y_stage + slab;
    T *grad_stage = relu_stage + slab, *gate_stage = grad_stage + slab,
      *scratch = gate_stage + slab;
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      const int64_t chunk_begin = call.rows * chunk / chunks;
      const int64_t chunk_end = call.rows * (chunk + 1) / chunks;
      for (int64_t first = chunk_begin; first < chunk_end; first += tile) {
        const int64_t count = std::min(tile, chunk_end - first);
        const Rows<T> x_rows = call.gather(x_stage, x, first, count, s.in_features, s.in_features);
        for (int64_t stack = 0; stack < s.nstacks; ++stack) {
          const int64_t kept = call.kept(stack), offset = stack * s.n;
          const auto from_y = [&](T* stage, const T* array) {
            return call.gather(stage, array + offset, first, count, s.out_features, kept);
          };
          Rows<T> grad_rows = from_y(y_stage, grad_y);
          if (gated) {
            const Rows<T> y_rows = relu_y ? from_y(relu_stage, relu_y) : Rows<T>{};
            const int64_t slot = call.kernels.lanes * kPlanes<T>;
            const Rows<T> gate = {reals(gate_stage), count * slot, slot, true, 0};
            call.kernels.gate(count, call.row.vectors, relu_y ? &y_rows : nullptr, grad_rows, gate,
                              bias_size > 0 ? bias_sums.as<Real<T>>() + chunk * bias_size +
                                                  stack * call.row.size * kPlanes<T>
                                            : nullptr);
            grad_rows = gate;
          }
          const bool direct = gradients.x && !call.staged() && stack == 0;
          call.kernels.backward(
              call.plan(stack, count), x_rows, grad_rows,
              direct ? call.view(gradients.x, first, s.in_features, s.in_features)
                     : call.stage_view(grad_stage),
              first > chunk_begin,
              reals(sums.as<T>() + chunk * sums_size + stack * call.stack_pitch()), reals(scratch));
          if (gradients.x && !direct)
            call.scatter(grad_stage, gradients.x, first, count, s.in_features, s.in_features,
                         stack > 0);
        }
      }
    }
  };
  const double chunk_rows = double(call.rows) / double(chunks);
  parallel_for(chunks, std::cref(body),
               grain(4 * call.row_nanoseconds() * chunk_rows * double(s.nstacks)));
  if (gradients.twiddle) collect(call, sums.as<T>(), chunks, gradients.twiddle);
  if (gradients.bias) collect_bias(call, bias_sums.as<Real<T>>(), chunks, gradients.bias);
  if (gradients.x && s.in_features > s.n)
    for (int64_t row = 0; row < s.batch; ++row)
      std::fill(gradients.x + row * s.in_features + s.n, gradients.x + (row + 1) * s.in_features,
                T(0));
}

}  // namespace

template <class T>
void butterfly_forward(const ButterflyShape& shape, const PackedTwiddle<T>& twiddle, const T* x,
                       T* y, const ButterflyEnd<T>& end) {
  check(shape);
  const ButterflyCall<T> call(shape, twiddle);
  if (shape.batch == 0) return;
  if (shape.n == 1) return identity(shape, x, y, end);
  shape.layout == Layout::rows ? forward(call, x, y, end) : forward_columns(call, x, y, end);
}

template <class T>
void butterfly_forward(const ButterflyShape& shape, const T* twiddle, const T* x, T* y,
                       const ButterflyEnd<T>& end) {
  butterfly_forward(shape, PackedTwiddle<T>(shape, twiddle), x, y, end);
}

template <class T>
void butterfly_backward(const ButterflyShape& shape, const PackedTwiddle<T>& twiddle, const T* x,
                        const T* relu_y, const T* grad_y, const ButterflyGradients<T>& gradients) {
  check(shape);
  require(shape.layout == Layout::rows, "backward needs the layout rows");
  require(!twiddle.is_frozen(), "a frozen twiddle has no gradient");
  const ButterflyCall<T> call(shape, twiddle);
  if (shape.batch == 0) {
    if (gradients.twiddle)
      std::fill_n(gradients.twiddle, shape.nstacks * shape.nblocks * log2_of(shape.n) * shape.n * 2,
                  T(0));
    if (gradients.bias) std::fill_n(gradients.bias, shape.out_features, T(0));
  } else if (shape.n == 1) {
    identity_backward(shape, relu_y, grad_y, gradients);
  } else {
    backward(call, x, relu_y, grad_y, gradients);
  }
}

template <class T>
void butterfly_backward(const ButterflyShape& shape, const T* twiddle, const T* x, const T* grad_y,
                        T* grad_x, T* grad_twiddle) {
  butterfly_backward(shape, PackedTwiddle<T>(shape, twiddle), x, static_cast<const T*>(nullptr),
                     grad_y, {.x = grad_x, .twiddle = grad_twiddle});
}

#define PAPILIO_INSTANTIATE(T)                                                                  \
  template class PackedTwiddle<T>;                                                              \
  template void butterfly_forward(const ButterflyShape&, const PackedTwiddle<T>&, const T*, T*, \
                                  const ButterflyEnd<T>&);                                      \
  template void butterfly_forward(const ButterflyShape&, const T*, const T*, T*,                \
                                  const ButterflyEnd<T>&);                                      \
  template void butterfly_backward(const ButterflyShape&, const PackedTwiddle<T>&, const T*,    \
                                   const T*, const T*, const ButterflyGradients<T>&);           \
  template void butterfly_backward(const ButterflyShape&, const T*, const T*, const T*, T*, T*);
PAPILIO_INSTANTIATE(float)
PAPILIO_INSTANTIATE(double)
PAPILIO_INSTANTIATE(std::complex<float>)
PAPILIO_INSTANTIATE(std::complex<double>)
#undef PAPILIO_INSTANTIATE

}  // namespace papilio::kernels
