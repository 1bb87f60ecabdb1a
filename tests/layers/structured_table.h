// The table of structured layers: one row for every layer of the family and configuration of it.
// structured_test.cc runs all rows. A new layer adds its rows here, with a second implementation of
// what it computes, from structured_reference.h. Long because it is the one table.
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "papilio/layers/bpbp.h"
#include "papilio/layers/butterfly.h"
#include "papilio/layers/kmatrix.h"
#include "papilio/layers/linear.h"
#include "papilio/layers/permutation.h"
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
  const auto matrices = [=](int64_t in, int64_t out) {  // 2 x 2, that a row goes through
    const int64_t n = ceil_power(in);
    return (out + n - 1) / n * options.nblocks * (n / 2) * log2_of(n);
  };
  const auto tied = [=](int64_t in, int64_t out) {
    const int64_t n = ceil_power(in);
    return (out + n - 1) / n * options.nblocks * (n - 1);
  };
  return {
      .name = name,
      .dtype = options.dtype,
      .make =
          [options](int64_t in, int64_t out, DType d, Rng rng) mutable {
            options.dtype = d;
            return std::make_unique<Butterfly>(in, out, options, rng);
          },
      .multiply =
          [options](StructuredLinear& layer, const Numbers& x, int64_t out) {
            const Numbers twiddle = values_of(layer, "twiddle");
            return stacked(x, ceil_power(static_cast<int64_t>(x.size())), out,
                           [&](Numbers& y, int64_t stack) {
                             for (int64_t b = 0; b < options.nblocks; ++b)
                               apply_block(y, twiddle, stack * options.nblocks + b,
                                           options.increasing_stride != (b % 2 == 1), options.tied);
                           });
          },
      .parameters =
          [=](int64_t in, int64_t out) {
            return 4 * parts(options.dtype) * (options.tied ? tied(in, out) : matrices(in, out));
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
  };
}

}  // namespace papilio::testing
