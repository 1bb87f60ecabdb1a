// PackedTwiddle: a twiddle in the order in which the kernels read it.

#include <algorithm>
#include <complex>

#include "papilio/core/kernels/butterfly_call.h"
#include "papilio/core/kernels/butterfly_freeze.h"
#include "papilio/core/memory.h"

namespace papilio::kernels {
namespace {

/// Between the factors of a packed twiddle, so that they don't share sets of the cache.
template <class T>
constexpr int64_t kFactorGap = 512 / sizeof(T);

}  // namespace

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

#define PAPILIO_INSTANTIATE(T) template class PackedTwiddle<T>;
PAPILIO_INSTANTIATE(float)
PAPILIO_INSTANTIATE(double)
PAPILIO_INSTANTIATE(std::complex<float>)
PAPILIO_INSTANTIATE(std::complex<double>)
#undef PAPILIO_INSTANTIATE

}  // namespace papilio::kernels
