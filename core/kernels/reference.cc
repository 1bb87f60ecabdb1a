#include "papilio/core/kernels/reference.h"

#include <algorithm>
#include <bit>
#include <complex>
#include <vector>

namespace papilio::kernels {
namespace {

float conjugate(float v) { return v; }
double conjugate(double v) { return v; }
template <class R>
std::complex<R> conjugate(std::complex<R> v) {
  return std::conj(v);
}

/// Calls visit(f, i, p, q) for every pair of every factor, in the order of application; f numbers
/// the factors over all blocks.
template <class Visit>
void for_each_pair(const ButterflyShape& s, const Visit& visit) {
  const int levels = std::countr_zero(static_cast<uint64_t>(s.n));
  for (int64_t b = 0; b < s.nblocks; ++b)
    for (int k = 0; k < levels; ++k) {
      const bool increasing = s.increasing_stride != (b % 2 == 1);
      const int64_t stride = int64_t{1} << (increasing ? k : levels - 1 - k);
      for (int64_t i = 0; i < s.n / 2; ++i) {
        const int64_t low = i % stride, p = 2 * (i - low) + low;
        visit(b * levels + k, i, p, p + stride);
      }
    }
}

/// The inputs of every factor, [nblocks * log2 n + 1][n]; the last row is the output.
template <class T>
std::vector<T> factor_inputs(const ButterflyShape& s, const T* twiddle, const T* x) {
  const int64_t factors = s.nblocks * std::countr_zero(static_cast<uint64_t>(s.n));
  std::vector<T> values((factors + 1) * s.n);
  std::copy(x, x + std::min(s.in_features, s.n), values.begin());
  for_each_pair(s, [&](int64_t f, int64_t i, int64_t p, int64_t q) {
    const T* t = twiddle + (f * s.n / 2 + i) * 4;
    const T* in = values.data() + f * s.n;
    T* out = values.data() + (f + 1) * s.n;
    out[p] = t[0] * in[p] + t[1] * in[q];
    out[q] = t[2] * in[p] + t[3] * in[q];
  });
  return values;
}

}  // namespace

template <class T>
void butterfly_forward_reference(const ButterflyShape& s, const T* twiddle, const T* x, T* y) {
  const int64_t factors = s.nblocks * std::countr_zero(static_cast<uint64_t>(s.n));
  for (int64_t row = 0; row < s.batch; ++row)
    for (int64_t stack = 0; stack < s.nstacks; ++stack) {
      const auto values =
          factor_inputs(s, twiddle + stack * factors * s.n * 2, x + row * s.in_features);
      const int64_t kept = std::clamp<int64_t>(s.out_features - stack * s.n, 0, s.n);
      std::copy_n(values.end() - s.n, kept, y + row * s.out_features + stack * s.n);
    }
}

template <class T>
void butterfly_backward_reference(const ButterflyShape& s, const T* twiddle, const T* x,
                                  const T* grad_y, T* grad_x, T* grad_twiddle) {
  const int64_t factors = s.nblocks * std::countr_zero(static_cast<uint64_t>(s.n));
  const int64_t stack_size = factors * s.n * 2;
  struct Pair {
    int64_t f, i, p, q;
  };
  std::vector<Pair> pairs;
  for_each_pair(s, [&](int64_t f, int64_t i, int64_t p, int64_t q) {
    pairs.push_back({f, i, p, q});
  });
  std::reverse(pairs.begin(), pairs.end());

  if (grad_x) std::fill_n(grad_x, s.batch * s.in_features, T(0));
  if (grad_twiddle) std::fill_n(grad_twiddle, s.nstacks * stack_size, T(0));
  for (int64_t row = 0; row < s.batch; ++row)
    for (int64_t stack = 0; stack < s.nstacks; ++stack) {
      const T* stack_twiddle = twiddle + stack * stack_size;
      const auto values = factor_inputs(s, stack_twiddle, x + row * s.in_features);
      std::vector<T> grad(s.n);
      const int64_t kept = std::clamp<int64_t>(s.out_features - stack * s.n, 0, s.n);
      std::copy_n(grad_y + row * s.out_features + stack * s.n, kept, grad.begin());
      for (const auto& [f, i, p, q] : pairs) {
        const int64_t offset = (f * s.n / 2 + i) * 4;
        const T* t = stack_twiddle + offset;
        const T gp = grad[p], gq = grad[q];
        if (grad_twiddle) {
          const T xp = conjugate(values[f * s.n + p]), xq = conjugate(values[f * s.n + q]);
          T* d = grad_twiddle + stack * stack_size + offset;
          d[0] += gp * xp;
          d[1] += gp * xq;
          d[2] += gq * xp;
          d[3] += gq * xq;
        }
        grad[p] = conjugate(t[0]) * gp + conjugate(t[2]) * gq;
        grad[q] = conjugate(t[1]) * gp + conjugate(t[3]) * gq;
      }
      if (grad_x)
        for (int64_t c = 0; c < std::min(s.in_features, s.n); ++c)
          grad_x[row * s.in_features + c] += grad[c];
    }
}

#define PAPILIO_INSTANTIATE(T)                                                                    \
  template void butterfly_forward_reference(const ButterflyShape&, const T*, const T*, T*);       \
  template void butterfly_backward_reference(const ButterflyShape&, const T*, const T*, const T*, \
                                             T*, T*);
PAPILIO_INSTANTIATE(float)
PAPILIO_INSTANTIATE(double)
PAPILIO_INSTANTIATE(std::complex<float>)
PAPILIO_INSTANTIATE(std::complex<double>)
#undef PAPILIO_INSTANTIATE

}  // namespace papilio::kernels
