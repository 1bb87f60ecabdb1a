// butterfly_forward(): its cut into tiles, for rows and for features-major arrays.

#include <algorithm>
#include <complex>
#include <functional>

#include "papilio/core/kernels/butterfly_call.h"
#include "papilio/core/memory.h"
#include "papilio/core/threads.h"

namespace papilio::kernels {
namespace {

/// n = 1: the first column, in every stack.
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

/// Whether the bias stands as slots already, for all vectors: those that are cut read theirs too.
template <class T>
bool bias_in_place(const ButterflyCall<T>& call) {
  return kPlanes<T> == 1 && !call.staged() &&
         call.shape.out_features == call.shape.nstacks * call.shape.n;
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
  // A first pass of large strides would wait for the memory line by line: tests/peers/run.sh mlp
  // --all, K-matrix, batch 1 went from 3.0 to 2.8 us.
  memory::fetch(x, std::min(s.batch * s.in_features * int64_t{sizeof(T)}, memory::kFetched));
  // Measured: narrower vectors make more passes over a tile, which should then stay in the first
  // level of the cache.
  const bool wide = call.kernels.lanes * int64_t{sizeof(Real<T>)} >= 64;
  const int64_t tile = call.tile_rows(call.rows, (wide ? 64 : 32) << 10),
                tiles = ceil_div(call.rows, tile);
  const Buffer bias = bias_slots(call, end.bias);
  // The processor foresees short rows by itself: with 96 features, n = 128 and 32,768 rows, asking
  // for them cost a quarter.
  const bool stream = streams(s, y), early = call.from_memory() && s.n * int64_t{sizeof(T)} >= 1024;
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
      NextTile next;
      if (early && stack + 1 == s.nstacks && task + 1 < task_end) {
        const int64_t after = first + count, rows = std::min(tile, call.rows - after);
        next.reads[0] = call.region(x, after, rows, s.in_features);
        if (!plan.finish.stream) next.writes = call.region(y, after, rows, s.out_features);
        plan.next = &next;
      }
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

#define PAPILIO_INSTANTIATE(T)                                                                  \
  template void butterfly_forward(const ButterflyShape&, const PackedTwiddle<T>&, const T*, T*, \
                                  const ButterflyEnd<T>&);                                      \
  template void butterfly_forward(const ButterflyShape&, const T*, const T*, T*,                \
                                  const ButterflyEnd<T>&);
PAPILIO_INSTANTIATE(float)
PAPILIO_INSTANTIATE(double)
PAPILIO_INSTANTIATE(std::complex<float>)
PAPILIO_INSTANTIATE(std::complex<double>)
#undef PAPILIO_INSTANTIATE

}  // namespace papilio::kernels
