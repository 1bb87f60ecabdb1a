#include "papilio/layers/orthogonal.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <vector>

namespace papilio {
namespace {

using Complex = std::complex<double>;
using Vectors = std::vector<std::vector<Complex>>;

double norm(const std::vector<Complex>& v) {
  double sum = 0;
  for (const Complex& z : v) sum += std::norm(z);
  return std::sqrt(sum);
}

// Orthonormal vectors of the same spans, taken twice for accuracy; false when they are dependent.
bool orthonormalise(Vectors& vectors) {
  for (size_t i = 0; i < vectors.size(); ++i) {
    const double before = norm(vectors[i]);
    for (int pass = 0; pass < 2; ++pass)
      for (size_t j = 0; j < i; ++j) {
        Complex dot = 0;
        for (size_t k = 0; k < vectors[i].size(); ++k)
          dot += std::conj(vectors[j][k]) * vectors[i][k];
        for (size_t k = 0; k < vectors[i].size(); ++k) vectors[i][k] -= dot * vectors[j][k];
      }
    const double length = norm(vectors[i]);
    if (!(length > 1e-6 * before)) return false;
    for (Complex& z : vectors[i]) z /= length;
  }
  return true;
}

template <class T>
void orthogonalise_matrix(T* values, int64_t rows, int64_t columns, double factor) {
  const bool by_rows = rows <= columns;
  const auto count = static_cast<size_t>(std::min(rows, columns)),
             length = static_cast<size_t>(std::max(rows, columns));
  const auto at = [&](size_t vector, size_t k) {
    return by_rows ? vector * length + k : k * count + vector;
  };
  Vectors vectors(count, std::vector<Complex>(length));
  for (size_t v = 0; v < count; ++v)
    for (size_t k = 0; k < length; ++k) vectors[v][k] = Complex(values[at(v, k)]);
  if (!orthonormalise(vectors)) return;
  for (size_t v = 0; v < count; ++v)
    for (size_t k = 0; k < length; ++k) {
      const Complex z = factor * vectors[v][k];
      if constexpr (is_complex_type<T>)
        values[at(v, k)] = T(z);
      else
        values[at(v, k)] = static_cast<T>(z.real());
    }
}

}  // namespace

void orthogonalise(Module& model) {
  for (Parameter& p : model.parameters()) {
    const int axis = p.hints().rows_axis;
    if (axis < 0 || p.value().numel() == 0) continue;
    const Shape& shape = p.value().shape();
    int64_t count = 1;
    for (int i = 0; i < axis; ++i) count *= shape[i];
    const int64_t rows = shape[axis], columns = p.value().numel() / (count * rows);
    dispatch_floating(p.value().dtype(), "orthogonalise", [&]<class T>() {
      double squares = 0;
      for (const T& z : p.value().span<T>()) squares += std::norm(Complex(z));
      const double factor =
          std::sqrt(squares / static_cast<double>(count * std::min(rows, columns)));
      T* values = p.mutable_value().mutable_data<T>();
      for (int64_t i = 0; i < count; ++i)
        orthogonalise_matrix(values + i * rows * columns, rows, columns, factor);
    });
  }
}

}  // namespace papilio
