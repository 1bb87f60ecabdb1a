// Roots of unity to the last bit: what transforms, closed forms and target matrices are made of.
#pragma once

#include <complex>
#include <cstdint>

namespace papilio {

/// exp(2 pi i k / n) for any k, n >= 1. Both parts are within one unit of the last place, and
/// symmetric: root_of_unity(n - k, n) is the conjugate, bit for bit.
std::complex<double> root_of_unity(int64_t k, int64_t n);

}  // namespace papilio
