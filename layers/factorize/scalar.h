// Real and complex numbers alike: products without the library's care for infinities, which keeps
// loops from being vectorised.
#pragma once

#include <complex>
#include <cstdint>

#include "papilio/core/dtype.h"

namespace papilio::factorize {

/// Planes of numbers: real parts, and imaginary ones.
template <class T>
inline constexpr int64_t kParts = is_complex_type<T> ? 2 : 1;

inline double product(double a, double b) { return a * b; }
inline std::complex<double> product(std::complex<double> a, std::complex<double> b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}
inline double abs2(double a) { return a * a; }
inline double abs2(std::complex<double> a) { return a.real() * a.real() + a.imag() * a.imag(); }

}  // namespace papilio::factorize
