// One call of the butterfly kernels, in the terms of butterfly_kernels.h: what is the same for
// every SIMD target. Internal to the kernels. Long because both directions share one view of a
// call.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "papilio/core/kernels/butterfly.h"
#include "papilio/core/kernels/butterfly_kernels.h"
#include "papilio/core/kernels/simd.h"

namespace papilio::kernels {

inline void require(bool rule, const char* text) {
  if (!rule) throw std::invalid_argument(std::string("butterfly kernel: ") + text);
}

inline void check(const ButterflyShape& s) {
  require(s.n >= 1 && std::has_single_bit(static_cast<uint64_t>(s.n)), "n must be a power of two");
  require(s.nstacks >= 1 && s.nblocks >= 1, "nstacks and nblocks must be at least 1");
  require(s.batch >= 0 && s.in_features >= 0, "batch and in_features must not be negative");
  require(s.out_features >= 0 && s.out_features <= s.nstacks * s.n,
          "out_features must be in 0 ... nstacks * n");
}

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t log2_of(int64_t n) { return std::countr_zero(static_cast<uint64_t>(n)); }

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

/// The number of tasks of `nanoseconds` each that is worth a thread.
inline int64_t grain(double nanoseconds) { return 1 + static_cast<int64_t>(10e3 / nanoseconds); }

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
  /// Whether x and y are larger than a second cache, so that tiles are worth asking for early.
  bool from_memory() const {
    constexpr int64_t kCaches = int64_t{2} << 20;
    return !staged() &&
           shape.batch * (shape.in_features + shape.out_features) * int64_t{sizeof(T)} > kCaches;
  }
  /// Rows from `first` on of an array with rows of `pitch` numbers, for NextTile.
  NextTile::Region region(const T* array, int64_t first, int64_t count, int64_t pitch) const {
    return {array + first * pitch, count * pitch * int64_t{sizeof(T)}};
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

}  // namespace papilio::kernels
