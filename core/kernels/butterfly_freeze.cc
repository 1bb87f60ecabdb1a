#include "papilio/core/kernels/butterfly_freeze.h"

#include <bit>
#include <cmath>
#include <complex>
#include <type_traits>

#include "papilio/core/dtype.h"

namespace papilio::kernels {
namespace {

template <class T>
using Wide = std::conditional_t<is_complex_type<T>, std::complex<double>, double>;

// Scalings between 1 / limit and limit leave room for the values themselves.
template <class T>
constexpr double kLimit = sizeof(real_type<T>) == 4 ? 0x1p80 : 0x1p600;
template <class T>
constexpr double kSmallest = sizeof(real_type<T>) == 4 ? 0x1p-26 : 0x1p-55;

// The pivot's row [pivot, other] of a 2 x 2 matrix, whose inputs have the scalings s and t. Returns
// other / pivot in the scaled inputs; `s` becomes the scaling of the output.
template <class T>
Wide<T> eliminate(Wide<T> pivot, Wide<T> other, Wide<T>& s, const Wide<T>& t, bool& fits) {
  const double size = std::abs(other);
  if (std::abs(pivot) < kSmallest<T> * size) pivot = kSmallest<T> * size;
  s *= pivot;
  if (s == 0.0) s = kSmallest<T> * std::abs(other * t);  // an input that is always zero
  if (s == 0.0) return 0.0;                              // and so is the output
  const Wide<T> ratio = other * t / s;
  fits &= std::abs(s) <= kLimit<T> && std::abs(s) >= 1 / kLimit<T> &&
          std::abs(ratio) <= kLimit<T>;  // false for NaN, too
  return ratio;
}

template <class T>
T narrow(const Wide<T>& value) {
  return T(value);
}

}  // namespace

template <class T>
FrozenTwiddle<T> freeze_twiddle(const ButterflyShape& shape, const T* twiddle) {
  const int64_t n = shape.n, levels = std::countr_zero(static_cast<uint64_t>(n));
  FrozenTwiddle<T> frozen{true, {}, {}};
  frozen.factors.reserve(static_cast<size_t>(shape.nstacks * shape.nblocks * levels * n));
  frozen.scales.reserve(static_cast<size_t>(shape.nstacks * n));
  std::vector<Wide<T>> scales;
  const T* m = twiddle;
  for (int64_t stack = 0; stack < shape.nstacks; ++stack) {
    scales.assign(static_cast<size_t>(n), 1.0);
    for (int64_t f = 0; f < shape.nblocks * levels; ++f) {
      const bool increasing = shape.increasing_stride != (f / levels % 2 == 1);
      const int64_t stride = int64_t{1} << (increasing ? f % levels : levels - 1 - f % levels);
      for (int64_t i = 0; i < n / 2; ++i, m += 4) {
        const int64_t inner = i & (stride - 1), p = 2 * (i - inner) + inner;
        Wide<T>&sp = scales[static_cast<size_t>(p)], &sq = scales[static_cast<size_t>(p + stride)];
        const Wide<T> tp = sp, tq = sq;
        frozen.factors.push_back(narrow<T>(eliminate<T>(m[0], m[1], sp, tq, frozen.exists)));
        frozen.factors.push_back(narrow<T>(eliminate<T>(m[3], m[2], sq, tp, frozen.exists)));
      }
      if (!frozen.exists) return {false, {}, {}};
    }
    for (const Wide<T>& s : scales) frozen.scales.push_back(narrow<T>(s));
  }
  return frozen;
}

#define PAPILIO_INSTANTIATE(T) \
  template FrozenTwiddle<T> freeze_twiddle(const ButterflyShape&, const T*);
PAPILIO_INSTANTIATE(float)
PAPILIO_INSTANTIATE(double)
PAPILIO_INSTANTIATE(std::complex<float>)
PAPILIO_INSTANTIATE(std::complex<double>)
#undef PAPILIO_INSTANTIATE

}  // namespace papilio::kernels
