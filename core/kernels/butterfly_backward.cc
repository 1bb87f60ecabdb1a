// butterfly_backward(): its cut into chunks with sums of their own, and these into tiles.

#include <algorithm>
#include <complex>
#include <cstring>
#include <functional>

#include "papilio/core/kernels/butterfly_call.h"
#include "papilio/core/memory.h"
#include "papilio/core/threads.h"

namespace papilio::kernels {
namespace {

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
  const bool gated = relu_y || gradients.bias, from_memory = call.from_memory();
  const auto body = [&](int64_t begin, int64_t end) {
    const int64_t tile = call.tile_rows(ceil_div(call.rows, chunks), 32 << 10);
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
        const int64_t count = std::min(tile, chunk_end - first), after = first + count;
        NextTile next;
        if (from_memory && after < chunk_end) {
          const int64_t rows = std::min(tile, chunk_end - after);
          next.reads[0] = call.region(x, after, rows, s.in_features);
          next.reads[1] = call.region(grad_y, after, rows, s.out_features);
          if (relu_y) next.reads[2] = call.region(relu_y, after, rows, s.out_features);
          if (gradients.x) next.writes = call.region(gradients.x, after, rows, s.in_features);
        }
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
          RowsPlan<T> plan = call.plan(stack, count);
          if (from_memory && stack + 1 == s.nstacks) plan.next = &next;
          call.kernels.backward(
              plan, x_rows, grad_rows,
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

#define PAPILIO_INSTANTIATE(T)                                                               \
  template void butterfly_backward(const ButterflyShape&, const PackedTwiddle<T>&, const T*, \
                                   const T*, const T*, const ButterflyGradients<T>&);        \
  template void butterfly_backward(const ButterflyShape&, const T*, const T*, const T*, T*, T*);
PAPILIO_INSTANTIATE(float)
PAPILIO_INSTANTIATE(double)
PAPILIO_INSTANTIATE(std::complex<float>)
PAPILIO_INSTANTIATE(std::complex<double>)
#undef PAPILIO_INSTANTIATE

}  // namespace papilio::kernels
