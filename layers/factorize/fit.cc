#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <iterator>

#include "papilio/layers/factorize/hierarchical.h"

namespace papilio::factorize {
namespace {

using Chain = std::span<const KroneckerPattern>;

KroneckerPattern product_of(Chain chain) {
  KroneckerPattern whole = chain.front();
  for (const KroneckerPattern& p : chain.subspan(1)) whole = product_pattern(whole, p);
  return whole;
}

// The product of a part of the chain, still to be split when that has several patterns.
struct Node {
  Chain chain;
  KroneckerFactor factor;

  size_t cut(const FitOptions& options) const {
    return options.left_to_right ? 1 : chain.size() / 2;
  }
};

// Splits the leftmost node that can be split until there is none. Nodes before `first` then are
// orthonormal from the left, those behind `last` from the right: a few steps before each split
// keep all the weight in the node that is split.
template <class T>
void split_all(std::vector<Node>& nodes, const FitOptions& options) {
  size_t first = 0, last = nodes.size() - 1;
  for (size_t at = 0; at < nodes.size();) {
    if (nodes[at].chain.size() == 1) {
      ++at;
      continue;
    }
    if (options.orthonormal) {
      for (; first < at; ++first)
        orthonormalise_left<T>(nodes[first].factor, nodes[first + 1].factor);
      for (; last > at; --last) orthonormalise_right<T>(nodes[last - 1].factor, nodes[last].factor);
    }
    const size_t cut = nodes[at].cut(options);
    const Chain left = nodes[at].chain.first(cut), right = nodes[at].chain.subspan(cut);
    Split halves = split<T>(nodes[at].factor, product_of(left), product_of(right));
    nodes[at] = {left, std::move(halves.left)};
    nodes.insert(std::next(nodes.begin(), static_cast<int64_t>(at) + 1),
                 {right, std::move(halves.right)});
    last = at + 1;
  }
}

KroneckerFactor product_of(std::span<const KroneckerFactor> factors) {
  if (factors.size() == 1) return factors.front();
  const size_t half = factors.size() / 2;
  return multiply(product_of(factors.first(half)), product_of(factors.subspan(half)));
}

// Divides the product by the scale, a power of two, evenly.
template <class T>
void unscale(double scale, std::vector<KroneckerFactor>& factors) {
  int exponent = -std::ilogb(scale), left = static_cast<int>(factors.size());
  for (KroneckerFactor& factor : factors) {
    const int share = exponent / left--;
    exponent -= share;
    if (share == 0) continue;
    for (T& value :
         std::span(factor.values.mutable_data<T>(), static_cast<size_t>(factor.values.numel())))
      value *= std::ldexp(1.0, share);
  }
}

template <class T>
KroneckerFactor only_factor(const Matrix<T>& m, const KroneckerPattern& p) {
  constexpr std::array<int64_t, 1> kFirst = {0};
  const RowReader<T> reader(m);
  const Buffer buffer = reader.buffer();
  KroneckerFactor factor = empty_factor(p, dtype_of<T>());
  T* value = factor.values.mutable_data<T>();
  for (int64_t alpha = 0; alpha < p.a; ++alpha)
    for (int64_t delta = 0; delta < p.d; ++delta)
      for (int64_t r = 0; r < p.b; ++r)
        for (int64_t s = 0; s < p.c; ++s) {
          double part[2];
          reader.load((alpha * p.b + r) * p.d + delta,
                      {(alpha * p.c + s) * p.d + delta, 1, 1, kFirst}, buffer, part, part + 1, 0);
          if constexpr (is_complex_type<T>)
            *value++ = {part[0], part[1]};
          else
            *value++ = part[0];
        }
  return factor;
}

}  // namespace

template <class T>
Fit fit(const Matrix<T>& m, Chain chain, const FitOptions& options) {
  Fit result;
  if (chain.size() == 1) {
    result.factors = {only_factor(m, chain.front())};
    result.distance = distance(m, result.factors.front());
    result.whole = result.distance.whole;
    result.kept = result.whole - result.distance.error;
  } else {
    const size_t cut = Node{chain, {}}.cut(options);
    const Chain left = chain.first(cut), right = chain.subspan(cut);
    Split halves = split(m, product_of(left), product_of(right));
    result.whole = halves.whole;
    result.kept = halves.kept;
    std::vector<Node> nodes;
    nodes.push_back({left, std::move(halves.left)});
    nodes.push_back({right, std::move(halves.right)});
    split_all<T>(nodes, options);
    for (Node& node : nodes) result.factors.push_back(std::move(node.factor));
    const std::span<const KroneckerFactor> factors = result.factors;
    const size_t half = factors.size() / 2;
    result.distance =
        distance(m, product_of(factors.first(half)), product_of(factors.subspan(half)));
  }
  unscale<T>(m.scale, result.factors);
  return result;
}

template Fit fit(const Matrix<double>&, Chain, const FitOptions&);
template Fit fit(const Matrix<std::complex<double>>&, Chain, const FitOptions&);

}  // namespace papilio::factorize
