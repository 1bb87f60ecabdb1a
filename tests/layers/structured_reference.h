// What the structured layers compute, a second time: one vector at a time, in complex<double>, from
// the values of the parameters and the index formulas of the papers' code. Slow and plain.
#pragma once

#include <bit>
#include <cmath>
#include <complex>
#include <vector>

#include "papilio/layers/structured_linear.h"

namespace papilio::testing {

using Numbers = std::vector<std::complex<double>>;

inline size_t at(int64_t i) { return static_cast<size_t>(i); }
inline int64_t log2_of(int64_t n) { return std::bit_width(static_cast<uint64_t>(n)) - 1; }
inline int64_t ceil_power(int64_t n) {
  return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(n)));
}

inline Numbers numbers_of(const Tensor& t) {
  const Tensor wide = t.to(DType::c128);
  return wide.to_vector<std::complex<double>>();
}

/// The parameter or buffer of that name.
inline Numbers values_of(Module& layer, const std::string& name) {
  struct Finder : Fields {
    std::string name;
    Tensor found;
    void parameter(const std::string& path, Parameter& member) override {
      if (path == name) found = member.value();
    }
    void buffer(const std::string& path, Tensor& member) override {
      if (path == name) found = member.dtype() == DType::i64 ? real_index(member) : member;
    }
    static Tensor real_index(const Tensor& index) {
      Tensor values(index.shape(), DType::f64);
      for (int64_t i = 0; i < index.numel(); ++i)
        values.mutable_data<double>()[i] = static_cast<double>(index.data<int64_t>()[i]);
      return values;
    }
  } finder;
  finder.name = name;
  layer.fields(finder);
  check(finder.found.defined(), "the layer has no ", name);
  return numbers_of(finder.found);
}

/// Pair i of the factor of stride s mixes p = 2 (i - l) + l and q = p + s, l = i mod s, by the 2 x
/// 2 matrix at entries[4 row(i)].
template <class Row>
void apply_factor(Numbers& x, int64_t stride, const Numbers& entries, const Row& row) {
  for (int64_t i = 0; i < static_cast<int64_t>(x.size()) / 2; ++i) {
    const int64_t l = i % stride, p = 2 * (i - l) + l, q = p + stride;
    const auto* t = &entries[at(4 * row(i))];
    const auto a = x[at(p)], b = x[at(q)];
    x[at(p)] = t[0] * a + t[1] * b;
    x[at(q)] = t[2] * a + t[3] * b;
  }
}

/// Block number `block` of all stacks and blocks, through the vector x of size n.
inline void apply_block(Numbers& x, const Numbers& twiddle, int64_t block, bool increasing,
                        bool tied) {
  const auto n = static_cast<int64_t>(x.size()), factors = log2_of(n);
  for (int64_t k = 0; k < factors; ++k) {
    const int64_t s = int64_t{1} << (increasing ? k : factors - 1 - k);
    apply_factor(x, s, twiddle, [&](int64_t i) {
      return tied ? block * (n - 1) + s - 1 + i % s : (block * factors + k) * (n / 2) + i;
    });
  }
}

/// Pads x with zeros to n, sends it through `apply(x, stack)` for every stack that `out` takes, and
/// cuts.
template <class Apply>
Numbers stacked(Numbers x, int64_t n, int64_t out, const Apply& apply) {
  x.resize(at(n));
  Numbers y;
  for (int64_t stack = 0; stack * n < out; ++stack) {
    Numbers part = x;
    apply(part, stack);
    y.insert(y.end(), part.begin(), part.end());
  }
  y.resize(at(out));
  return y;
}

inline Numbers bit_reversed(const Numbers& x) {
  const int64_t bits = log2_of(static_cast<int64_t>(x.size()));
  Numbers y;
  for (size_t j = 0; j < x.size(); ++j) {
    size_t reversed = 0;
    for (int64_t bit = 0; bit < bits; ++bit) reversed |= (j >> bit & 1) << (bits - 1 - bit);
    y.push_back(x[reversed]);
  }
  return y;
}

}  // namespace papilio::testing
