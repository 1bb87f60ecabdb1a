#include "papilio/apps/learn_transform/known.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "papilio/core/ops.h"
#include "papilio/layers/butterfly_algebra.h"
#include "papilio/layers/transforms.h"
#include "papilio/layers/twiddle.h"

namespace papilio::learn {
namespace {

// Transforms that no plain butterfly is, though the library has them.
struct Known {
  std::string_view name;
  std::function<Product(int64_t n, const TransformOptions& options)> make;
};

const std::vector<Known>& known_transforms() {
  static const std::vector<Known> all = [] {
    std::vector<Known> list;
    for (const int type : {2, 3, 4}) {
      static constexpr std::string_view kNames[][2] = {
          {"dct2", "dst2"}, {"dct3", "dst3"}, {"dct4", "dst4"}};
      list.push_back({kNames[type - 2][0], [type](int64_t n, const TransformOptions& options) {
                        return dct(type, n, options);
                      }});
      list.push_back({kNames[type - 2][1], [type](int64_t n, const TransformOptions& options) {
                        return dst(type, n, options);
                      }});
    }
    list.push_back({"hartley", hartley});
    list.push_back({"haar", [](int64_t n, const TransformOptions& options) {
                      check(n > 1 && butterfly_size(n) == n, "haar: ", n, " is no power of two");
                      return haar(n, options.dtype);
                    }});
    return list;
  }();
  return all;
}

std::unique_ptr<Product> times(double factor, Product transform) {
  for (size_t i = transform.size(); i-- > 0;)
    if (auto* butterfly = dynamic_cast<Butterfly*>(&transform[i])) {
      const Tensor sign = Tensor::full({butterfly->out_features()}, factor < 0 ? -1 : 1);
      if (factor < 0) *butterfly = diagonal_times(sign.to(butterfly->dtype()), *butterfly);
      butterfly->scale_matrix(std::abs(factor));
      break;
    }
  return std::make_unique<Product>(std::move(transform));
}

// The least of |a - factor b|^2.
struct Match {
  double factor, squares;
};

Match match(int64_t count, const double* a, const double* b) {
  double ab = 0, bb = 0, squares = 0;
  for (int64_t i = 0; i < count; ++i) ab += a[i] * b[i], bb += b[i] * b[i];
  const double factor = bb > 0 ? ab / bb : 0;
  for (int64_t i = 0; i < count; ++i) squares += (a[i] - factor * b[i]) * (a[i] - factor * b[i]);
  return {factor, squares};
}

}  // namespace

std::unique_ptr<Product> known_transform(std::string name, int64_t n, DType dtype) {
  if (name == "dct" || name == "dst") name += '2';
  for (const Known& known : known_transforms())
    if (known.name == name)
      return times(name == "haar" ? 1 : 1 / std::sqrt(static_cast<double>(n)),
                   known.make(n, {.dtype = dtype}));
  return nullptr;
}

std::unique_ptr<Product> recognised(const Tensor& matrix, double tolerance, DType dtype) {
  const int64_t n = matrix.dim(0);
  if (matrix.dtype() != DType::f64 || matrix.dim(1) != n || n < 2) return nullptr;
  double largest = 0, squares = 0;
  for (const double x : matrix.span<double>()) largest = std::max(largest, std::abs(x));
  if (largest == 0) return nullptr;
  Tensor scaled = matrix.clone(), first_unit = Tensor::zeros({1, n}, DType::f64);
  double* values = scaled.mutable_data<double>();
  for (int64_t i = 0; i < n * n; ++i) values[i] /= largest, squares += values[i] * values[i];
  *first_unit.mutable_data<double>() = 1;
  const Tensor first = slice(scaled, 1, 0, 1);
  const double enough =
      std::max(std::pow(tolerance / largest * static_cast<double>(n), 2), 1e-24 * squares);
  for (const Known& known : known_transforms())
    for (const Norm norm : {Norm::backward, Norm::ortho}) {
      if (known.name == "haar" && butterfly_size(n) != n) continue;
      Product exact = known.make(n, {.norm = norm, .dtype = DType::f64});
      // The first column tells most of them without n^2 numbers.
      if (match(n, first.data<double>(), exact(first_unit).data<double>()).squares > enough)
        continue;
      const Tensor dense = exact.to_dense();
      const Match whole = match(n * n, scaled.data<double>(), dense.data<double>());
      if (whole.squares <= enough)
        return times(largest * whole.factor, known.make(n, {.norm = norm, .dtype = dtype}));
    }
  return nullptr;
}

}  // namespace papilio::learn
