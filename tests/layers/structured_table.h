// The table of structured layers: one row for every layer of the family and configuration of it.
// structured_test.cc runs all rows. A new layer adds its rows here, with a second implementation of
// what it computes, from structured_reference.h. Long because it is the one table.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <numeric>
#include <ostream>
#include <string>
#include <vector>

#include "papilio/layers/block_diagonal.h"
#include "papilio/layers/bpbp.h"
#include "papilio/layers/butterfly.h"
#include "papilio/layers/circulant.h"
#include "papilio/layers/fastfood.h"
#include "papilio/layers/kmatrix.h"
#include "papilio/layers/kronecker.h"
#include "papilio/layers/ldr.h"
#include "papilio/layers/linear.h"
#include "papilio/layers/low_rank.h"
#include "papilio/layers/monarch.h"
#include "papilio/layers/permutation.h"
#include "papilio/layers/product.h"
#include "papilio/layers/resize.h"
#include "papilio/layers/toeplitz_like.h"
#include "papilio/tests/layers/structured_reference.h"

namespace papilio::testing {

struct StructuredCase {
  std::string name;  ///< letters, digits and _
  DType dtype;       ///< f64 or c128; f32 and c64 are made from it
  std::function<std::unique_ptr<StructuredLinear>(int64_t in, int64_t out, DType, Rng)> make;
  /// M x from the values of the layer's parameters, for a layer of out_features() `out`.
  std::function<Numbers(StructuredLinear&, const Numbers& x, int64_t out)> multiply;
  /// Real numbers in the matrix, and flops of one row without the bias.
  std::function<int64_t(int64_t in, int64_t out)> parameters, flops;
  bool square = false;  ///< takes in = out only
};
inline void PrintTo(const StructuredCase& row, std::ostream* out) { *out << row.name; }

/// The number of reals in a complex number, or 1; flops of a 2 x 2 matrix times a vector.
inline int64_t parts(DType dtype) { return is_complex(dtype) ? 2 : 1; }
inline int64_t matrix_flops(DType dtype) { return is_complex(dtype) ? 4 * 6 + 2 * 2 : 4 + 2; }

inline StructuredCase linear_case(const std::string& name, LinearOptions options) {
  const DType dtype = options.dtype;
  return {.name = name,
          .dtype = dtype,
          .make =
              [options](int64_t in, int64_t out, DType d, Rng rng) mutable {
                options.dtype = d;
                return std::make_unique<Linear>(in, out, options, rng);
              },
          .multiply =
              [](StructuredLinear& layer, const Numbers& x, int64_t out) {
                const Numbers weight = values_of(layer, "weight");
                Numbers y(at(out));
                for (size_t i = 0; i < weight.size(); ++i)
                  y[i / x.size()] += weight[i] * x[i % x.size()];
                return y;
              },
          .parameters = [=](int64_t in, int64_t out) { return parts(dtype) * in * out; },
          .flops = [=](int64_t in, int64_t out) { return (is_complex(dtype) ? 8 : 2) * in * out; }};
}

inline StructuredCase butterfly_case(const std::string& name, ButterflyOptions options) {
  const auto size = [=](int64_t in) { return options.n == 0 ? ceil_power(in) : options.n; };
  const auto matrices = [=](int64_t in, int64_t out) {  // 2 x 2, that a row goes through
    const int64_t n = size(in);
    return (out + n - 1) / n * options.nblocks * (n / 2) * log2_of(n);
  };
  const auto tied = [=](int64_t in, int64_t out) {
    const int64_t n = size(in);
    return (out + n - 1) / n * options.nblocks * (n - 1);
  };
  return {.name = name,
          .dtype = options.dtype,
          .make =
              [options](int64_t in, int64_t out, DType d, Rng rng) mutable {
                options.dtype = d;
                return std::make_unique<Butterfly>(in, out, options, rng);
              },
          .multiply =
              [=](StructuredLinear& layer, const Numbers& x, int64_t out) {
                const Numbers twiddle = values_of(layer, "twiddle");
                return stacked(
                    x, size(static_cast<int64_t>(x.size())), out, [&](Numbers& y, int64_t stack) {
                      for (int64_t b = 0; b < options.nblocks; ++b)
                        apply_block(y, twiddle, stack * options.nblocks + b,
                                    options.increasing_stride != (b % 2 == 1), options.tied);
                    });
              },
          .parameters =
              [=](int64_t in, int64_t out) {
                return 4 * parts(options.dtype) *
                       (options.tied ? tied(in, out) : matrices(in, out));
              },
          .flops = [=](int64_t in,
                       int64_t out) { return matrix_flops(options.dtype) * matrices(in, out); }};
}

// (BB*)^w_e has 4 w n e log2(n e) numbers, orthogonal w n e (log2(n e) + 1) (reference 1.6).
inline StructuredCase kmatrix_case(const std::string& name, KMatrixOptions options) {
  const auto size = [=](int64_t in) {
    const int64_t n = options.expansion * ceil_power(in);
    return options.orthogonal && n == 1 ? 2 : n;
  };
  const auto stacks = [=](int64_t in, int64_t out) { return (out + size(in) - 1) / size(in); };
  return {.name = name,
          .dtype = options.dtype,
          .make =
              [options](int64_t in, int64_t out, DType d, Rng rng) mutable {
                options.dtype = d;
                return std::make_unique<KMatrix>(in, out, options, rng);
              },
          .multiply =
              [=](StructuredLinear& layer, const Numbers& x, int64_t out) {
                const int64_t n = size(static_cast<int64_t>(x.size()));
                Numbers twiddle, diagonal;
                if (options.orthogonal) {
                  diagonal = values_of(layer, "diagonal");
                  for (const auto& angle : values_of(layer, "angles")) {
                    const double c = std::cos(angle.real()), s = std::sin(angle.real());
                    twiddle.insert(twiddle.end(), {c, -s, s, c});
                  }
                } else {
                  twiddle = values_of(layer, "twiddle");
                }
                return stacked(x, n, out, [&](Numbers& y, int64_t stack) {
                  for (int64_t w = 0; w < options.width; ++w) {
                    const int64_t unit = stack * options.width + w;
                    apply_block(y, twiddle, 2 * unit, false, false);
                    if (options.orthogonal)
                      for (int64_t i = 0; i < n; ++i) y[at(i)] *= diagonal[at(unit * n + i)];
                    apply_block(y, twiddle, 2 * unit + 1, true, false);
                  }
                });
              },
          .parameters =
              [=](int64_t in, int64_t out) {
                const int64_t n = size(in), wn = stacks(in, out) * options.width * n;
                return options.orthogonal ? wn * (log2_of(n) + 1)
                                          : 4 * parts(options.dtype) * wn * log2_of(n);
              },
          .flops =
              [=](int64_t in, int64_t out) {
                const int64_t n = size(in);
                return stacks(in, out) * 2 * options.width * matrix_flops(options.dtype) * (n / 2) *
                       log2_of(n);
              }};
}

inline StructuredCase bpbp_case(const std::string& name, BpbpOptions options) {
  const DType twiddle_dtype = options.complex ? DType::c128 : DType::f64;
  const auto size = [](int64_t in, int64_t out) { return ceil_power(std::max(in, out)); };
  return {.name = name,
          .dtype = DType::f64,
          .make =
              [options](int64_t in, int64_t out, DType d, Rng rng) mutable {
                options.dtype = d;
                return std::make_unique<Bpbp>(in, out, options, rng);
              },
          .multiply =
              [=](StructuredLinear& layer, Numbers x, int64_t out) {
                const Numbers twiddle = values_of(layer, "twiddle");
                x.resize(at(size(static_cast<int64_t>(x.size()), out)));
                for (int64_t b : {0, 1}) {
                  x = bit_reversed(x);
                  apply_block(x, twiddle, b, true, true);
                }
                x.resize(at(out));
                for (auto& value : x) value = value.real();
                return x;
              },
          .parameters = [=](int64_t in,
                            int64_t out) { return 8 * parts(twiddle_dtype) * (size(in, out) - 1); },
          .flops =
              [=](int64_t in, int64_t out) {
                const int64_t n = size(in, out);
                return matrix_flops(twiddle_dtype) * n * log2_of(n);
              }};
}

inline StructuredCase permutation_case() {
  return {.name = "permutation",
          .dtype = DType::f32,
          .make = [](int64_t in, int64_t, DType,
                     Rng rng) { return std::make_unique<Permutation>(rng.permutation(in)); },
          .multiply =
              [](StructuredLinear& layer, const Numbers& x, int64_t) {
                Numbers y;
                for (const auto& j : values_of(layer, "index")) y.push_back(x[at(j.real())]);
                return y;
              },
          .parameters = [](int64_t, int64_t) { return 0; },
          .flops = [](int64_t, int64_t) { return 0; },
          .square = true};
}

inline StructuredCase resize_case(const std::string& name, DType dtype) {
  return {.name = name,
          .dtype = dtype,
          .make = [](int64_t in, int64_t out, DType d,
                     Rng) { return std::make_unique<Resize>(in, out, d); },
          .multiply =
              [](StructuredLinear&, const Numbers& x, int64_t out) {
                Numbers y(x);
                y.resize(at(out));
                return y;
              },
          .parameters = [](int64_t, int64_t) { return 0; },
          .flops = [](int64_t, int64_t) { return 0; }};
}

inline int64_t butterfly_flops(int64_t n, DType dtype) {
  return matrix_flops(dtype) * (n / 2) * log2_of(n);
}

// A butterfly, a permutation and a butterfly; with `complex` parts of a real layer the first is
// complex and the real part comes after the second.
inline StructuredCase product_case(const std::string& name, DType outer, bool complex) {
  const auto part = [=](DType d) { return complex ? complex_of(d) : d; };
  const auto parts_of = [=](const auto& count) {
    return [=](int64_t in, int64_t out) {
      const int64_t a = ceil_power(in), b = ceil_power(out);
      return count(a, part(outer)) + count(std::max(a, b), outer);
    };
  };
  return {.name = name,
          .dtype = outer,
          .make =
              [=](int64_t in, int64_t out, DType d, Rng rng) {
                const int64_t mid = ceil_power(in), n = std::max(mid, ceil_power(out));
                return std::make_unique<Product>(
                    d, Butterfly(in, mid, {.bias = false, .dtype = part(d)}, rng.split("a")),
                    Permutation(rng.permutation(mid), part(d)),
                    Butterfly(mid, out, {.bias = false, .dtype = d, .n = n}, rng.split("b")));
              },
          .multiply =
              [=](StructuredLinear& layer, Numbers x, int64_t out) {
                x.resize(at(ceil_power(static_cast<int64_t>(x.size()))));
                apply_block(x, values_of(layer, "parts.0.twiddle"), 0, true, false);
                Numbers y;
                for (const auto& j : values_of(layer, "parts.1.index"))
                  y.push_back(x[at(j.real())]);
                if (complex)
                  for (auto& value : y) value = value.real();
                y.resize(std::max(y.size(), at(ceil_power(out))));
                apply_block(y, values_of(layer, "parts.2.twiddle"), 0, true, false);
                y.resize(at(out));
                return y;
              },
          .parameters =
              parts_of([](int64_t n, DType dtype) { return parts(dtype) * 2 * n * log2_of(n); }),
          .flops = parts_of(butterfly_flops)};
}

// The smallest prime factor and the rest.
struct Factors {
  int64_t a, b;
};
inline Factors factors_of(int64_t n) {
  for (int64_t p = 2; p <= n; ++p)
    if (n % p == 0) return {p, n / p};
  return {1, 1};
}

// Butterflies of one stack on both axes, or with an identity on one of them.
inline StructuredCase kronecker_case(const std::string& name, DType dtype, bool left, bool right) {
  struct Axis {
    int64_t in, out;
    int64_t n() const { return std::max(ceil_power(in), ceil_power(out)); }
  };
  const auto axes = [](int64_t in, int64_t out) {
    const Factors i = factors_of(in), o = factors_of(out);
    return std::pair(Axis{i.a, o.a}, Axis{i.b, o.b});
  };
  const auto butterfly = [](const Axis& axis, DType d, Rng rng) {
    return std::make_unique<Butterfly>(
        axis.in, axis.out, ButterflyOptions{.bias = false, .dtype = d, .n = axis.n()}, rng);
  };
  const auto along = [](Numbers x, const Numbers& twiddle, const Axis& axis) {
    x.resize(at(axis.n()));
    apply_block(x, twiddle, 0, true, false);
    x.resize(at(axis.out));
    return x;
  };
  return {
      .name = name,
      .dtype = dtype,
      .make = [=](int64_t in, int64_t out, DType d, Rng rng) -> std::unique_ptr<StructuredLinear> {
        const auto [a, b] = axes(in, out);
        if (!left) return std::make_unique<Kronecker>(a.in, butterfly(b, d, rng.split("b")));
        if (!right) return std::make_unique<Kronecker>(butterfly(a, d, rng.split("a")), b.in);
        return std::make_unique<Kronecker>(butterfly(a, d, rng.split("a")),
                                           butterfly(b, d, rng.split("b")));
      },
      .multiply =
          [=](StructuredLinear& layer, const Numbers& x, int64_t out) {
            const auto [a, b] = axes(static_cast<int64_t>(x.size()), out);
            Numbers rows, y(at(out));
            for (int64_t i = 0; i < a.in; ++i) {
              Numbers row(x.begin() + i * b.in, x.begin() + (i + 1) * b.in);
              if (right) row = along(row, values_of(layer, "right.twiddle"), b);
              rows.insert(rows.end(), row.begin(), row.end());
            }
            if (!left) return rows;
            for (int64_t j = 0; j < b.out; ++j) {
              Numbers column;
              for (int64_t i = 0; i < a.in; ++i) column.push_back(rows[at(i * b.out + j)]);
              column = along(column, values_of(layer, "left.twiddle"), a);
              for (int64_t i = 0; i < a.out; ++i) y[at(i * b.out + j)] = column[at(i)];
            }
            return y;
          },
      .parameters =
          [=](int64_t in, int64_t out) {
            const auto [a, b] = axes(in, out);
            const auto count = [=](int64_t n) { return parts(dtype) * 2 * n * log2_of(n); };
            return (left ? count(a.n()) : 0) + (right ? count(b.n()) : 0);
          },
      .flops =
          [=](int64_t in, int64_t out) {
            const auto [a, b] = axes(in, out);
            return (right ? a.in * butterfly_flops(b.n(), dtype) : 0) +
                   (left ? b.out * butterfly_flops(a.n(), dtype) : 0);
          },
      .square = !left || !right};
}

// As many blocks as divide both sizes.
inline StructuredCase block_diagonal_case(const std::string& name, DType dtype) {
  const auto entries = [](int64_t in, int64_t out) { return in * out / std::gcd(in, out); };
  return {
      .name = name,
      .dtype = dtype,
      .make =
          [](int64_t in, int64_t out, DType d, Rng rng) {
            const int64_t count = std::gcd(in, out);
            return std::make_unique<BlockDiagonal>(randn({count, out / count, in / count}, rng, d));
          },
      .multiply =
          [](StructuredLinear& layer, const Numbers& x, int64_t out) {
            const Numbers blocks = values_of(layer, "blocks");
            const auto in = static_cast<int64_t>(x.size()), count = std::gcd(in, out);
            Numbers y(at(out));
            for (int64_t o = 0; o < out; ++o)
              for (int64_t i = 0; i < in / count; ++i)
                y[at(o)] +=
                    blocks[at(o * (in / count) + i)] * x[at(o / (out / count) * (in / count) + i)];
            return y;
          },
      .parameters = [=](int64_t in, int64_t out) { return parts(dtype) * entries(in, out); },
      .flops =
          [=](int64_t in, int64_t out) {
            const int64_t products = entries(in, out);
            return is_complex(dtype) ? 6 * products + 2 * (products - out) : 2 * products - out;
          }};
}

inline int64_t transform_flops(int64_t n) {
  return matrix_flops(DType::c128) * (n / 2) * log2_of(n);
}

inline StructuredCase circulant_case() {
  const auto n = [](int64_t in, int64_t out) { return std::max(in, out); };
  return {.name = "circulant",
          .dtype = DType::f64,
          .make =
              [](int64_t in, int64_t out, DType d, Rng rng) {
                return std::make_unique<Circulant>(in, out, CirculantOptions{.dtype = d}, rng);
              },
          .multiply =
              [](StructuredLinear& layer, const Numbers& x, int64_t out) {
                const Numbers column = values_of(layer, "column");
                Numbers y(at(out));
                for (size_t i = 0; i < y.size(); ++i)
                  for (size_t j = 0; j < x.size(); ++j)
                    y[i] += column[(i + column.size() - j) % column.size()] * x[j];
                return y;
              },
          .parameters = n,
          .flops =
              [=](int64_t in, int64_t out) {
                const int64_t features = n(in, out), size = ceil_power(features) == features
                                                                ? features
                                                                : ceil_power(2 * features - 1);
                return 2 * transform_flops(size) + 6 * size;
              }};
}

/// Row `i` of a parameter [rows, n].
inline Numbers row_of(const Numbers& matrix, int64_t i, int64_t n) {
  return {matrix.begin() + i * n, matrix.begin() + (i + 1) * n};
}

/// Sums over i of K(a, g_i) K(b^T, h_i)^T x, where step_a(v) = a v and step_bt(v) = b^T v.
template <class StepA, class StepBt>
Numbers displacement_product(const Numbers& left, const Numbers& right, int64_t steps, Numbers x,
                             int64_t rows, int64_t columns, const StepA& step_a,
                             const StepBt& step_bt) {
  Numbers y(at(rows));
  x.resize(at(columns));
  for (int64_t i = 0; i * rows < static_cast<int64_t>(left.size()); ++i) {
    Numbers g = row_of(left, i, rows), h = row_of(right, i, columns);
    for (int64_t j = 0; j < steps; ++j, g = step_a(g), h = step_bt(h)) {
      std::complex<double> dot = 0;
      for (size_t c = 0; c < x.size(); ++c) dot += h[c] * x[c];
      for (size_t r = 0; r < y.size(); ++r) y[r] += dot * g[r];
    }
  }
  return y;
}

inline StructuredCase toeplitz_case(int64_t rank) {
  const auto size = [](int64_t in, int64_t out) { return ceil_power(std::max(in, out)); };
  const auto shift = [](double corner) {
    return [corner](Numbers v) {
      std::rotate(v.begin(), v.end() - 1, v.end());
      v[0] *= corner;
      return v;
    };
  };
  return {.name = "toeplitz_like_rank_" + std::to_string(rank),
          .dtype = DType::f64,
          .make =
              [=](int64_t in, int64_t out, DType d, Rng rng) {
                return std::make_unique<ToeplitzLike>(
                    in, out, ToeplitzLikeOptions{.rank = rank, .dtype = d}, rng);
              },
          .multiply =
              [=](StructuredLinear& layer, const Numbers& x, int64_t out) {
                const int64_t n = size(static_cast<int64_t>(x.size()), out);
                Numbers y =
                    displacement_product(values_of(layer, "left"), values_of(layer, "right"), n, x,
                                         n, n, shift(1), shift(-1));
                y.resize(at(out));
                return y;
              },
          .parameters = [=](int64_t in, int64_t out) { return 2 * rank * size(in, out); },
          .flops =
              [=](int64_t in, int64_t out) {
                const int64_t n = size(in, out), pairs = (rank + 1) / 2;
                return (2 + 2 * pairs) * transform_flops(n) + 6 * in + (20 * pairs - 2) * n;
              }};
}

template <class Layer>
StructuredCase ldr_case(const std::string& name, int64_t rank, bool tridiagonal) {
  struct Operator {
    Numbers lower, diagonal, upper;
    Numbers operator()(const Numbers& v) const {
      Numbers y(v.size());
      for (size_t i = 0; i < v.size(); ++i) {
        if (!diagonal.empty()) y[i] += diagonal[i] * v[i];
        if (!lower.empty() && i > 0) y[i] += lower[i - 1] * v[i - 1];
        if (!upper.empty() && i + 1 < v.size()) y[i] += upper[i] * v[i + 1];
      }
      return y;
    }
  };
  const auto operator_of = [=](StructuredLinear& layer, const std::string& which, int64_t n) {
    Operator a;
    if (n > 1) a.lower = values_of(layer, which + "_lower");
    if (tridiagonal) a.diagonal = values_of(layer, which + "_diagonal");
    if (tridiagonal && n > 1) a.upper = values_of(layer, which + "_upper");
    return a;
  };
  return {.name = name,
          .dtype = DType::f64,
          .make =
              [=](int64_t in, int64_t out, DType d, Rng rng) {
                auto layer =
                    std::make_unique<Layer>(in, out, LdrOptions{.rank = rank, .dtype = d}, rng);
                if (std::max(in, out) > 16) return layer;
                // Operators that are not mere shifts.
                for (Parameter& p : layer->parameters())
                  if (p.name()[1] == '_')
                    p.mutable_value().assign(
                        p.value() + 0.3 * randn(p.value().shape(), rng.split(p.name()), d));
                return layer;
              },
          .multiply =
              [=](StructuredLinear& layer, const Numbers& x, int64_t out) {
                const auto in = static_cast<int64_t>(x.size());
                const Operator a = operator_of(layer, "a", out);
                Operator b = operator_of(layer, "b", in);
                std::swap(b.lower, b.upper);  // transposed
                return displacement_product(values_of(layer, "left"), values_of(layer, "right"),
                                            std::min(in, out), x, out, in, a, b);
              },
          .parameters =
              [=](int64_t in, int64_t out) {
                const int64_t bands = tridiagonal ? 3 * (in + out) - 4 : in + out - 2;
                return bands + rank * (in + out);
              },
          .flops = [](int64_t in, int64_t out) { return 2 * in * out; }};
}

inline StructuredCase fastfood_case() {
  const auto size = [](int64_t in, int64_t out) { return ceil_power(std::max(in, out)); };
  const auto hadamard = [](Numbers x) {
    for (size_t s = 1; s < x.size(); s *= 2)
      for (size_t i = 0; i < x.size(); ++i)
        if (!(i & s)) {
          const auto a = x[i], b = x[i + s];
          x[i] = (a + b) / std::sqrt(2), x[i + s] = (a - b) / std::sqrt(2);
        }
    return x;
  };
  return {.name = "fastfood",
          .dtype = DType::f64,
          .make =
              [](int64_t in, int64_t out, DType d, Rng rng) {
                return std::make_unique<Fastfood>(in, out, FastfoodOptions{.dtype = d}, rng);
              },
          .multiply =
              [=](StructuredLinear& layer, Numbers x, int64_t out) {
                const Numbers b = values_of(layer, "input_diagonal"),
                              g = values_of(layer, "middle_diagonal"),
                              s = values_of(layer, "output_diagonal"),
                              p = values_of(layer, "permutation");
                for (size_t i = 0; i < x.size(); ++i) x[i] *= b[i];
                x.resize(p.size());
                x = hadamard(x);
                Numbers y;
                for (size_t i = 0; i < p.size(); ++i)
                  y.push_back(g[i] * x[static_cast<size_t>(p[i].real())]);
                y = hadamard(y);
                y.resize(at(out));
                for (size_t i = 0; i < y.size(); ++i) y[i] *= s[i];
                return y;
              },
          .parameters = [=](int64_t in, int64_t out) { return in + out + size(in, out); },
          .flops =
              [=](int64_t in, int64_t out) {
                const int64_t n = size(in, out);
                return 6 * n * log2_of(n) + in + n + out;
              }};
}

inline StructuredCase low_rank_case(const std::string& name, LowRankOptions options) {
  const DType dtype = options.dtype;
  return {.name = name,
          .dtype = dtype,
          .make =
              [options](int64_t in, int64_t out, DType d, Rng rng) mutable {
                options.dtype = d;
                return std::make_unique<LowRank>(in, out, options, rng);
              },
          .multiply =
              [=](StructuredLinear& layer, const Numbers& x, int64_t out) {
                const Numbers down = values_of(layer, "down"), up = values_of(layer, "up");
                Numbers y(at(out));
                for (int64_t i = 0; i < options.rank; ++i) {
                  std::complex<double> t = 0;
                  for (size_t j = 0; j < x.size(); ++j) t += down[at(i) * x.size() + j] * x[j];
                  for (size_t j = 0; j < y.size(); ++j)
                    y[j] += up[j * at(options.rank) + at(i)] * t;
                }
                return y;
              },
          .parameters = [=](int64_t in,
                            int64_t out) { return parts(dtype) * options.rank * (in + out); },
          .flops =
              [=](int64_t in, int64_t out) {
                return (is_complex(dtype) ? 8 : 2) * options.rank * (in + out);
              }};
}

inline StructuredCase monarch_case(const std::string& name, int64_t blocks) {
  struct Sizes {
    int64_t b, p, m, q;
  };
  const auto sizes = [=](int64_t in, int64_t out) {
    const int64_t b = blocks > 0 ? blocks : int64_t{1} << (log2_of(std::max(in, out)) / 2);
    const int64_t p = (in + b - 1) / b, q = (out + b - 1) / b;
    return Sizes{b, p, std::min(p, q), q};
  };
  return {.name = name,
          .dtype = DType::f64,
          .make =
              [=](int64_t in, int64_t out, DType d, Rng rng) {
                return std::make_unique<Monarch>(in, out,
                                                 MonarchOptions{.blocks = blocks, .dtype = d}, rng);
              },
          .multiply =
              [=](StructuredLinear& layer, Numbers x, int64_t out) {
                const auto [b, p, m, q] = sizes(static_cast<int64_t>(x.size()), out);
                const Numbers first = values_of(layer, "first"),
                              second = values_of(layer, "second");
                x.resize(at(b * p));
                Numbers middle(at(b * m)), y(at(b * q));
                for (int64_t k = 0; k < b; ++k)
                  for (int64_t i = 0; i < m; ++i)
                    for (int64_t j = 0; j < p; ++j)
                      middle[at(k * m + i)] += first[at((k * m + i) * p + j)] * x[at(k * p + j)];
                // Entry e of the middle is entry e / b of block e mod b; output i of block l stands
                // at i b + l.
                for (int64_t e = 0; e < b * m; ++e)
                  for (int64_t i = 0, l = e % b; i < q; ++i)
                    y[at(i * b + l)] += second[at((l * q + i) * m + e / b)] * middle[at(e)];
                y.resize(at(out));
                return y;
              },
          .parameters =
              [=](int64_t in, int64_t out) {
                const auto [b, p, m, q] = sizes(in, out);
                return b * m * (p + q);
              },
          .flops =
              [=](int64_t in, int64_t out) {
                const auto [b, p, m, q] = sizes(in, out);
                return 2 * b * m * (p + q);
              }};
}

inline std::vector<StructuredCase> structured_cases() {
  constexpr DType f64 = DType::f64, c128 = DType::c128;
  return {
      linear_case("linear", {.dtype = f64}),
      linear_case("linear_complex_without_bias", {.bias = false, .dtype = c128}),
      linear_case("linear_normal", {.dtype = f64, .init = "normal"}),
      butterfly_case("butterfly", {.dtype = f64}),
      butterfly_case("butterfly_decreasing", {.dtype = f64, .increasing_stride = false}),
      butterfly_case("butterfly_2_blocks", {.bias = false, .dtype = f64, .nblocks = 2}),
      butterfly_case("butterfly_3_blocks_decreasing",
                     {.dtype = f64, .increasing_stride = false, .nblocks = 3}),
      butterfly_case("butterfly_tied", {.dtype = f64, .tied = true}),
      butterfly_case("butterfly_tied_3_blocks", {.dtype = f64, .nblocks = 3, .tied = true}),
      butterfly_case("butterfly_complex", {.dtype = c128}),
      butterfly_case("butterfly_complex_2_blocks_decreasing",
                     {.dtype = c128, .increasing_stride = false, .nblocks = 2}),
      butterfly_case("butterfly_complex_3_blocks", {.dtype = c128, .nblocks = 3, .init = "ortho"}),
      butterfly_case(
          "butterfly_complex_tied_2_blocks_decreasing",
          {.dtype = c128, .increasing_stride = false, .nblocks = 2, .tied = true, .init = "fft"}),
      kmatrix_case("kmatrix", {.dtype = f64}),
      kmatrix_case("kmatrix_width_3", {.width = 3, .bias = false, .dtype = f64, .init = "ortho"}),
      kmatrix_case("kmatrix_expansion_2", {.expansion = 2, .dtype = f64}),
      kmatrix_case("kmatrix_complex_width_2_expansion_4",
                   {.width = 2, .expansion = 4, .dtype = c128}),
      kmatrix_case("kmatrix_orthogonal", {.orthogonal = true, .dtype = f64}),
      kmatrix_case("kmatrix_orthogonal_width_2_expansion_2",
                   {.width = 2, .expansion = 2, .orthogonal = true, .dtype = f64}),
      bpbp_case("bpbp", {}),
      bpbp_case("bpbp_complex", {.complex = true}),
      bpbp_case("bpbp_complex_ortho_without_bias",
                {.complex = true, .bias = false, .init = "ortho"}),
      permutation_case(),
      resize_case("resize", f64),
      resize_case("resize_complex", c128),
      circulant_case(),
      toeplitz_case(1),
      toeplitz_case(2),
      toeplitz_case(3),
      ldr_case<LdrTridiagonal>("ldr_tridiagonal", 1, true),
      ldr_case<LdrTridiagonal>("ldr_tridiagonal_rank_2", 2, true),
      ldr_case<LdrSubdiagonal>("ldr_subdiagonal_rank_3", 3, false),
      fastfood_case(),
      low_rank_case("low_rank", {.dtype = f64}),
      low_rank_case("low_rank_1_complex", {.rank = 1, .bias = false, .dtype = c128}),
      monarch_case("monarch", 0),
      monarch_case("monarch_3_blocks", 3),
      product_case("product", f64, false),
      product_case("product_complex", c128, false),
      product_case("product_real_of_complex", f64, true),
      kronecker_case("kronecker", f64, true, true),
      kronecker_case("kronecker_complex", c128, true, true),
      kronecker_case("kronecker_left_only", f64, true, false),
      kronecker_case("kronecker_right_only", c128, false, true),
      block_diagonal_case("block_diagonal", f64),
      block_diagonal_case("block_diagonal_complex", c128),
  };
}

}  // namespace papilio::testing
