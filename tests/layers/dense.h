// Dense matrices for tests: plain loops in complex<double>.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <complex>
#include <vector>

#include "papilio/core/tensor.h"

namespace papilio::testing {

struct Dense {
  int64_t rows = 0, columns = 0;
  std::vector<std::complex<double>> values;

  Dense(int64_t r, int64_t c) : rows(r), columns(c), values(static_cast<size_t>(r * c)) {}
  explicit Dense(const Tensor& t)
      : rows(t.dim(0)),
        columns(t.dim(1)),
        values(t.to(DType::c128).to_vector<std::complex<double>>()) {}

  std::complex<double>& operator()(int64_t i, int64_t j) {
    return values[static_cast<size_t>(i * columns + j)];
  }
  const std::complex<double>& operator()(int64_t i, int64_t j) const {
    return values[static_cast<size_t>(i * columns + j)];
  }
};

/// Entry (i, j) is entry(i, j).
template <class Entry>
Dense dense(int64_t rows, int64_t columns, const Entry& entry) {
  Dense m(rows, columns);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) m(i, j) = entry(i, j);
  return m;
}

inline Dense diagonal(const Tensor& d) {
  const auto values = d.to(DType::c128).to_vector<std::complex<double>>();
  return dense(d.numel(), d.numel(),
               [&](int64_t i, int64_t j) { return i == j ? values[static_cast<size_t>(i)] : 0.0; });
}
inline Dense identity(int64_t n) {
  return dense(n, n, [](int64_t i, int64_t j) { return i == j ? 1.0 : 0.0; });
}

inline Dense operator*(const Dense& a, const Dense& b) {
  Dense c(a.rows, b.columns);
  for (int64_t i = 0; i < a.rows; ++i)
    for (int64_t k = 0; k < a.columns; ++k)
      for (int64_t j = 0; j < b.columns; ++j) c(i, j) += a(i, k) * b(k, j);
  return c;
}
inline Dense operator*(double factor, Dense a) {
  for (auto& value : a.values) value *= factor;
  return a;
}
inline Dense operator+(Dense a, const Dense& b) {
  for (size_t i = 0; i < a.values.size(); ++i) a.values[i] += b.values[i];
  return a;
}
inline Dense transposed(const Dense& a) {
  return dense(a.columns, a.rows, [&](int64_t i, int64_t j) { return a(j, i); });
}
inline Dense conjugated(Dense a) {
  for (auto& value : a.values) value = std::conj(value);
  return a;
}
inline Dense kronecker(const Dense& a, const Dense& b) {
  return dense(a.rows * b.rows, a.columns * b.columns, [&](int64_t i, int64_t j) {
    return a(i / b.rows, j / b.columns) * b(i % b.rows, j % b.columns);
  });
}

/// The largest difference of two entries is at most tolerance times the largest row norm.
inline void expect_same(const Dense& actual, const Dense& expected, double tolerance = 1e-13) {
  ASSERT_EQ(actual.rows, expected.rows);
  ASSERT_EQ(actual.columns, expected.columns);
  double worst = 0, largest = 0;
  for (int64_t i = 0; i < expected.rows; ++i) {
    double square = 0;
    for (int64_t j = 0; j < expected.columns; ++j) {
      worst = std::max(worst, std::abs(actual(i, j) - expected(i, j)));
      square += std::norm(expected(i, j));
    }
    largest = std::max(largest, std::sqrt(square));
  }
  EXPECT_LE(worst, tolerance * std::max(largest, 1e-300));
}

}  // namespace papilio::testing
