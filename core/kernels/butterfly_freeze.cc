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

// Scalings between 1 / limit and limit, and values up to the bound for inputs of at most 1, leave
// room for the size of the inputs.
template <class T>
constexpr double kLimit = sizeof(real_type<T>) == 4 ? 0x1p80 : 0x1p600;
template <class T>
constexpr double kBound = sizeof(real_type<T>) == 4 ? 0x1p100 : 0x1p900;
template <class T>
constexpr double kSmallest = sizeof(real_type<T>) == 4 ? 0x1p-26 : 0x1p-55;

// A number between two factors, scale * value, where only the value is computed. |value| <= bound,
// which is at least 1, for inputs of at most 1.
template <class T>
struct Element {
  Wide<T> scale = 1.0;
  double bound = 1;
  double size() const { return std::abs(scale) * bound; }
};

// p = pivot p + other q. Returns the factor of q's value beside that of p, which has the factor 1.
template <class T>
Wide<T> eliminate(Wide<T> pivot, Wide<T> other, Element<T>& p, const Element<T>& q, bool& fits) {
  const double own = std::abs(pivot) * p.size(), added = std::abs(other) * q.size();
  if (own == 0 && added == 0) {  // always zero, whatever the value
    p.scale = 0.0;
    return 0.0;
  }
  p.scale *= pivot;
  if (own < kSmallest<T> * added) p.scale = kSmallest<T> * added / p.bound;
  const Wide<T> ratio = other * q.scale / p.scale;
  p.bound += std::abs(ratio) * q.bound;
  fits &= std::abs(p.scale) <= kLimit<T> && std::abs(p.scale) >= 1 / kLimit<T> &&
          p.bound <= kBound<T>;  // false for NaN, too
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
  std::vector<Element<T>> elements;
  const T* m = twiddle;
  for (int64_t stack = 0; stack < shape.nstacks; ++stack) {
    elements.assign(static_cast<size_t>(n), {});
    for (int64_t f = 0; f < shape.nblocks * levels; ++f) {
      const bool increasing = shape.increasing_stride != (f / levels % 2 == 1);
      const int64_t stride = int64_t{1} << (increasing ? f % levels : levels - 1 - f % levels);
      for (int64_t i = 0; i < n / 2; ++i, m += 4) {
        const int64_t inner = i & (stride - 1), p = 2 * (i - inner) + inner;
        Element<T>& upper = elements[static_cast<size_t>(p)];
        Element<T>& lower = elements[static_cast<size_t>(p + stride)];
        const Element<T> before = upper;
        frozen.factors.push_back(narrow<T>(eliminate<T>(m[0], m[1], upper, lower, frozen.exists)));
        frozen.factors.push_back(narrow<T>(eliminate<T>(m[3], m[2], lower, before, frozen.exists)));
      }
      if (!frozen.exists) return {false, {}, {}};
    }
    for (const Element<T>& e : elements) frozen.scales.push_back(narrow<T>(e.scale));
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
