#include "papilio/apps/learn_transform/known.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

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

std::unique_ptr<StructuredLinear> times(double factor, Product transform) {
  for (size_t i = transform.size(); i-- > 0;)
    if (auto* butterfly = dynamic_cast<Butterfly*>(&transform[i])) {
      const Tensor sign = Tensor::full({butterfly->out_features()}, factor < 0 ? -1 : 1);
      if (factor < 0) *butterfly = diagonal_times(sign.to(butterfly->dtype()), *butterfly);
      butterfly->scale_matrix(std::abs(factor));
      break;
    }
  return std::make_unique<Product>(std::move(transform));
}

}  // namespace

std::unique_ptr<StructuredLinear> known_transform(std::string name, int64_t n, DType dtype) {
  if (name == "dct" || name == "dst") name += '2';
  for (const Known& known : known_transforms())
    if (known.name == name)
      return times(name == "haar" ? 1 : 1 / std::sqrt(static_cast<double>(n)),
                   known.make(n, {.dtype = dtype}));
  return nullptr;
}

std::unique_ptr<StructuredLinear> recognised(const Tensor& matrix, double tolerance, DType dtype) {
  const int64_t n = matrix.dim(0);
  if (matrix.dtype() != DType::f64 || matrix.dim(1) != n || n < 2) return nullptr;
  const double* m = matrix.data<double>();
  for (const Known& known : known_transforms())
    for (const Norm norm : {Norm::backward, Norm::ortho}) {
      if (known.name == "haar" && butterfly_size(n) != n) continue;
      const TransformOptions options{.norm = norm, .dtype = DType::f64};
      const Tensor dense = known.make(n, options).to_dense();
      const double* k = dense.data<double>();
      double mk = 0, kk = 0, mm = 0;
      for (int64_t i = 0; i < n * n; ++i) mk += m[i] * k[i], kk += k[i] * k[i], mm += m[i] * m[i];
      const double factor = mk / kk;
      double squares = 0;
      for (int64_t i = 0; i < n * n; ++i)
        squares += (m[i] - factor * k[i]) * (m[i] - factor * k[i]);
      if (mm > 0 &&
          squares <= std::max(std::pow(tolerance * static_cast<double>(n), 2), 1e-24 * mm))
        return times(factor, known.make(n, {.norm = norm, .dtype = dtype}));
    }
  return nullptr;
}

}  // namespace papilio::learn
