#include "papilio/models/deploy/factors.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "papilio/layers/permutation.h"
#include "papilio/layers/structured_linear.h"
#include "papilio/layers/twiddle.h"

namespace papilio::models {
namespace {

using Complex = std::complex<double>;

// Scales beyond it would use up the range of float.
constexpr double kLimit = 1e25;

// Of a tensor f64 or c128, its elements as complex numbers.
std::vector<Complex> numbers(const Tensor& t) {
  std::vector<Complex> all;
  dispatch_floating(t.dtype(), "export", [&]<class T>() {
    for (const T& value : t.span<T>()) all.emplace_back(value);
  });
  return all;
}

// How many matrices a tied or untied factor has.
int64_t matrix_count(Tying tying, int64_t n, int64_t stride) {
  return tying == Tying::none ? n / 2 : tying == Tying::strides ? stride : n / (2 * stride);
}

int64_t reversed_bits(int64_t value, int64_t count) {
  int64_t reversed = 0;
  for (; count > 1; count /= 2, value /= 2) reversed = 2 * reversed + value % 2;
  return reversed;
}

// One block's factors; false when a diagonal entry is too small.
bool unit_diagonals(std::span<Factor> block) {
  std::vector<Complex> scale(static_cast<size_t>(block[0].n), 1);
  for (Factor& factor : block) {
    const std::vector<Matrix2> before = factor.matrices;
    bool fits = true;
    factor.unit_diagonal = !factor.ends_block;
    factor.for_each_pair([&](int64_t low) {
      Complex &upper = scale[static_cast<size_t>(low)],
              &lower = scale[static_cast<size_t>(low + factor.stride)];
      // Pairs with one matrix have equal scales: those depend on the position modulo the stride.
      const Matrix2& m = before[factor.index(low)];
      Matrix2& result = factor.matrices[factor.index(low)];
      if (factor.ends_block) {
        for (size_t e = 0; e < 4; ++e) result[e] = m[e] * (e % 2 == 0 ? upper : lower);
        return;
      }
      result = {1, m[1] * lower / (m[0] * upper), m[2] * upper / (m[3] * lower), 1};
      upper *= m[0], lower *= m[3];
      for (const Complex& number : {result[1], result[2], upper, 1.0 / upper, lower, 1.0 / lower})
        fits &= std::abs(number) <= kLimit;
    });
    if (!fits) return false;
  }
  return true;
}

template <class Step>
double largest_shift(const Step& standardize) {
  double largest = 0;
  for (int64_t i = 0; i < standardize.mean.numel(); ++i)
    largest = std::max(largest, std::abs(standardize.mean.template data<double>()[i] *
                                         standardize.factor.template data<double>()[i]));
  return largest;
}

// bias - M shift
Tensor shifted_bias(const Tensor& bias, const std::vector<Complex>& product, int64_t features) {
  Tensor result = bias.defined() ? bias.clone() : Tensor::zeros({features}, DType::f64);
  dispatch_floating(result.dtype(), "export", [&]<class T>() {
    for (int64_t i = 0; i < features; ++i) {
      const Complex value = product[static_cast<size_t>(i)];
      if constexpr (is_complex_type<T>)
        result.mutable_data<T>()[i] -= value;
      else
        result.mutable_data<T>()[i] -= value.real();
    }
  });
  return result;
}

std::vector<Complex> product(const DenseStep& dense, const std::vector<Complex>& x) {
  const std::vector<Complex> w = numbers(dense.weight);
  std::vector<Complex> y(w.size() / x.size());
  for (size_t i = 0; i < w.size(); ++i) y[i / x.size()] += w[i] * x[i % x.size()];
  return y;
}

void scale_columns(DenseStep& dense, const double* factor) {
  const int64_t in = dense.weight.dim(1);
  dense.weight = dense.weight.clone();
  for (int64_t i = 0; i < dense.weight.numel(); ++i)
    dense.weight.mutable_data<double>()[i] *= factor[i % in];
}

void fold(StandardizeStep& standardize, DenseStep& dense, int64_t out) {
  const Tensor shift = mul(standardize.mean, standardize.factor);
  if (largest_shift(standardize) <= StructuredLinear::kLargeShift) {
    dense.bias = shifted_bias(dense.bias, product(dense, numbers(shift)), out);
    standardize.mean = Tensor();
  }
  scale_columns(dense, standardize.factor.data<double>());
  standardize.factor = Tensor();
}

void fold(StandardizeStep& standardize, ButterflyStep& step, int64_t out) {
  const Tensor shift = mul(standardize.mean, standardize.factor);
  if (largest_shift(standardize) <= StructuredLinear::kLargeShift) {
    step.bias = shifted_bias(step.bias, multiply(step, numbers(shift)), out);
    standardize.mean = Tensor();
  }
  if (step.tying[0] != Tying::none || step.n == 1) return;
  step.twiddle = scaled_columns(step.twiddle, step.increasing_stride, standardize.factor);
  standardize.factor = Tensor();
}

}  // namespace

size_t Factor::index(int64_t low) const {
  if (tying == Tying::none) return static_cast<size_t>(low / (2 * stride) * stride + low % stride);
  if (tying == Tying::strides) return static_cast<size_t>(low % stride);
  return static_cast<size_t>(reversed_bits(low / (2 * stride), n / (2 * stride)));
}

int64_t stacks(const ButterflyStep& step) { return step.twiddle.dim(0); }

std::vector<Factor> factors(const ButterflyStep& step, int64_t stack) {
  const int64_t levels = log2_exact(step.n), blocks = step.twiddle.dim(1);
  const int64_t of_block = step.twiddle.numel() / std::max<int64_t>(stacks(step) * blocks, 1);
  std::vector<Factor> all;
  for (int64_t block = 0; block < blocks; ++block) {
    const bool increasing = step.increasing_stride != (block % 2 == 1);
    const Tying tying = step.tying[static_cast<size_t>(block)];
    for (int64_t level = 0; level < levels; ++level) {
      const int64_t stride = int64_t{1} << (increasing ? level : levels - 1 - level);
      Factor factor{.n = step.n,
                    .stride = stride,
                    .tying = tying,
                    .ends_block = level == levels - 1,
                    .matrices = {}};
      const int64_t count = matrix_count(tying, step.n, stride);
      const int64_t first = tying == Tying::none ? level * count : count - 1;
      dispatch_floating(step.twiddle.dtype(), "export", [&]<class T>() {
        const T* m = step.twiddle.data<T>() + (stack * blocks + block) * of_block + 4 * first;
        for (int64_t i = 0; i < count; ++i, m += 4)
          factor.matrices.push_back({Complex(m[0]), Complex(m[1]), Complex(m[2]), Complex(m[3])});
      });
      all.push_back(std::move(factor));
    }
  }
  return all;
}

std::vector<Complex> multiply(const ButterflyStep& step, const std::vector<Complex>& x) {
  std::vector<Complex> result;
  for (int64_t stack = 0; stack < stacks(step); ++stack) {
    std::vector<Complex> values = x;
    values.resize(static_cast<size_t>(step.n));
    for (const Factor& factor : factors(step, stack))
      factor.for_each_pair([&](int64_t low) {
        Complex &upper = values[static_cast<size_t>(low)],
                &lower = values[static_cast<size_t>(low + factor.stride)];
        const Matrix2& m = factor.matrix(low);
        const Complex before = upper;
        upper = m[0] * before + m[1] * lower;
        lower = m[2] * before + m[3] * lower;
      });
    result.insert(result.end(), values.begin(), values.end());
  }
  return result;
}

bool unit_diagonals(std::vector<Factor>& all) {
  std::vector<Factor> result = all;
  for (size_t begin = 0, end = 0; begin < result.size(); begin = end) {
    while (!result[end++].ends_block) {
    }
    // In tied factors of decreasing strides, scales differ between pairs with one matrix.
    if (result[begin].tying == Tying::strides && result[begin].stride > 1) return false;
    if (!unit_diagonals(std::span(result).subspan(begin, end - begin))) return false;
  }
  all = std::move(result);
  return true;
}

void fold_standardization(Chain& chain) {
  for (size_t i = 0; i + 1 < chain.steps.size(); ++i) {
    auto* standardize = std::get_if<StandardizeStep>(&chain.steps[i].what);
    Step& next = chain.steps[i + 1];
    if (!standardize || next.complex_in) continue;
    if (auto* dense = std::get_if<DenseStep>(&next.what))
      fold(*standardize, *dense, next.out);
    else if (auto* butterfly = std::get_if<ButterflyStep>(&next.what))
      fold(*standardize, *butterfly, next.out);
  }
}

}  // namespace papilio::models
