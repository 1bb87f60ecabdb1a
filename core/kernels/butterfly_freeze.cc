#include "papilio/core/kernels/butterfly_freeze.h"

#include <bit>
#include <cmath>
#include <complex>
#include <limits>
#include <type_traits>
#include <utility>

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

// Makes the 2 x 2 matrix m [[1, b], [c, 1]]: returns b and c.
template <class T>
std::pair<T, T> eliminate(const T* m, Element<T>& upper, Element<T>& lower, bool& fits) {
  const Element<T> before = upper;
  const T b = narrow<T>(eliminate<T>(m[0], m[1], upper, lower, fits));
  return {b, narrow<T>(eliminate<T>(m[3], m[2], lower, before, fits))};
}

// value * scale; clears `fits` when that rounds worse than a normal number does.
template <class T>
T scaled(const T& value, const Wide<T>& scale, bool& fits) {
  using Limits = std::numeric_limits<real_type<T>>;
  const Wide<T> product = Wide<T>(value) * scale;
  const double size = std::abs(product);
  const bool zero = value == T(0) || scale == Wide<T>(0);
  fits &= zero || (size >= double{Limits::min()} && size <= double{Limits::max()});
  return narrow<T>(product);
}

int64_t levels_of(const ButterflyShape& shape) {
  return std::countr_zero(static_cast<uint64_t>(shape.n));
}

// Calls matrix(factor, m, upper, lower) for every 2 x 2 matrix m in the order of the twiddle, with
// the two elements that it mixes, and end(elements) after each stack. False as soon as matrix() is.
template <class Element, class T, class Matrix, class End>
bool for_each_matrix(const ButterflyShape& shape, const T* m, const Matrix& matrix,
                     const End& end) {
  const int64_t levels = levels_of(shape);
  std::vector<Element> elements;
  for (int64_t stack = 0; stack < shape.nstacks; ++stack) {
    elements.assign(static_cast<size_t>(shape.n), {});
    for (int64_t f = 0; f < shape.nblocks * levels; ++f) {
      const bool increasing = shape.increasing_stride != (f / levels % 2 == 1);
      const int64_t stride = int64_t{1} << (increasing ? f % levels : levels - 1 - f % levels);
      for (int64_t i = 0; i < shape.n / 2; ++i, m += 4) {
        const int64_t inner = i & (stride - 1), p = 2 * (i - inner) + inner;
        if (!matrix(f, m, elements[static_cast<size_t>(p)],
                    elements[static_cast<size_t>(p + stride)]))
          return false;
      }
    }
    end(elements);
  }
  return true;
}

}  // namespace

template <class T>
FrozenTwiddle<T> freeze_twiddle(const ButterflyShape& shape, const T* twiddle) {
  FrozenTwiddle<T> frozen{true, {}, {}};
  frozen.factors.reserve(
      static_cast<size_t>(shape.nstacks * shape.nblocks * levels_of(shape) * shape.n));
  frozen.scales.reserve(static_cast<size_t>(shape.nstacks * shape.n));
  frozen.exists = for_each_matrix<Element<T>>(
      shape, twiddle,
      [&](int64_t, const T* m, Element<T>& upper, Element<T>& lower) {
        bool fits = true;
        const auto [b, c] = eliminate<T>(m, upper, lower, fits);
        frozen.factors.insert(frozen.factors.end(), {b, c});
        return fits;
      },
      [&](const std::vector<Element<T>>& elements) {
        for (const Element<T>& e : elements) frozen.scales.push_back(narrow<T>(e.scale));
      });
  if (!frozen.exists) return {false, {}, {}};
  return frozen;
}

template <class T>
bool unit_diagonals(const ButterflyShape& shape, const T* twiddle, T* result) {
  const int64_t last = shape.nblocks * levels_of(shape) - 1;
  return for_each_matrix<Element<T>>(
      shape, twiddle,
      [&](int64_t factor, const T* m, Element<T>& upper, Element<T>& lower) {
        bool fits = true;
        if (factor == last) {
          for (int64_t e = 0; e < 4; ++e)
            result[e] = scaled<T>(m[e], e % 2 == 0 ? upper.scale : lower.scale, fits);
        } else {
          const auto [b, c] = eliminate<T>(m, upper, lower, fits);
          result[0] = result[3] = T(1), result[1] = b, result[2] = c;
        }
        result += 4;
        return fits;
      },
      [](const std::vector<Element<T>>&) {});
}

template <class T>
bool balance_rows(const ButterflyShape& shape, const T* twiddle, T* result) {
  using Exponent = int;  // a number between two factors is 2^exponent times the balanced one
  const int64_t last = shape.nblocks * levels_of(shape) - 1;
  bool fits = true;
  const auto times = [&](const T& value, Exponent e) {
    // In two steps, as 2^e alone may leave the range of double.
    const T product =
        narrow<T>(Wide<T>(value) * std::ldexp(1.0, e / 2) * std::ldexp(1.0, e - e / 2));
    fits &= bool(std::isfinite(std::abs(product)));
    return product;
  };
  return for_each_matrix<Exponent>(
      shape, twiddle,
      [&](int64_t factor, const T* m, Exponent& upper, Exponent& lower) {
        const Exponent in[] = {upper, lower};
        for (int row = 0; row < 2; ++row, m += 2, result += 2) {
          const double norm = std::hypot(std::ldexp(double(std::abs(m[0])), in[0]),
                                         std::ldexp(double(std::abs(m[1])), in[1]));
          const bool keep = factor == last || norm == 0 || !std::isfinite(norm);
          const Exponent out = keep ? 0 : static_cast<Exponent>(std::lround(std::log2(norm)));
          result[0] = times(m[0], in[0] - out), result[1] = times(m[1], in[1] - out);
          (row == 0 ? upper : lower) = out;
        }
        return fits;
      },
      [](const std::vector<Exponent>&) {});
}

#define PAPILIO_INSTANTIATE(T)                                               \
  template FrozenTwiddle<T> freeze_twiddle(const ButterflyShape&, const T*); \
  template bool unit_diagonals(const ButterflyShape&, const T*, T*);         \
  template bool balance_rows(const ButterflyShape&, const T*, T*);
PAPILIO_INSTANTIATE(float)
PAPILIO_INSTANTIATE(double)
PAPILIO_INSTANTIATE(std::complex<float>)
PAPILIO_INSTANTIATE(std::complex<double>)
#undef PAPILIO_INSTANTIATE

}  // namespace papilio::kernels
