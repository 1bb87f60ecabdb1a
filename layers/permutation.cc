#include "papilio/layers/permutation.h"

#include <algorithm>
#include <numeric>

#include "papilio/layers/twiddle.h"

namespace papilio {
namespace {

using Index = std::vector<int64_t>;

size_t at(int64_t i) { return static_cast<size_t>(i); }

const Index& checked(const Index& v) {
  std::vector<bool> seen(v.size(), false);
  for (size_t j = 0; j < v.size(); ++j) {
    check(v[j] >= 0 && v[j] < static_cast<int64_t>(v.size()) && !seen[at(v[j])],
          "permutation: entry ", j, " is ", v[j], "; each of 0 to ", v.size() - 1,
          " must occur once");
    seen[at(v[j])] = true;
  }
  return v;
}

// Colours the inputs of y = x[v] with 0 and 1 such that j and j + h differ, and the inputs of
// outputs i and i + h differ. Both pairings together are even cycles: walk each of them.
std::vector<bool> two_colouring(const Index& v, const Index& inverse) {
  const auto h = static_cast<int64_t>(v.size()) / 2;
  const auto partner = [h](int64_t j) { return j < h ? j + h : j - h; };
  std::vector<bool> colour(v.size(), false), done(v.size(), false);
  for (int64_t start = 0; start < h; ++start)
    for (int64_t j = start; !done[at(j)]; j = v[at(partner(inverse[at(partner(j))]))]) {
      done[at(j)] = done[at(partner(j))] = true;
      colour[at(partner(j))] = true;
    }
  return colour;
}

// Marks the pairs that swap, for the part of the network that permutes elements offset ... offset +
// v.size(). `swaps` is [2][log2 n][n/2], decreasing strides first.
void route(const Index& v, int64_t offset, int64_t n, std::vector<bool>& swaps) {
  const auto h = static_cast<int64_t>(v.size()) / 2;
  const int64_t factors = log2_exact(n), level = log2_exact(n / (2 * h));
  const auto first = at(level * (n / 2) + offset / 2);
  const auto last = at((2 * factors - 1 - level) * (n / 2) + offset / 2);
  if (h == 1) {  // one crossing is enough: the other stays I
    swaps[last] = v[0] == 1;
    return;
  }
  const std::vector<bool> colour = two_colouring(v, inverse_permutation(v));
  Index upper, lower;
  for (int64_t i = 0; i < h; ++i) {
    swaps[first + at(i)] = colour[at(i)];
    const bool crossed = colour[at(v[at(i)])];
    swaps[last + at(i)] = crossed;
    upper.push_back(v[at(crossed ? i + h : i)] % h);
    lower.push_back(v[at(crossed ? i : i + h)] % h);
  }
  route(upper, offset, n, swaps);
  route(lower, offset + h, n, swaps);
}

}  // namespace

std::vector<int64_t> bit_reversal(int64_t n) {
  const int64_t bits = log2_exact(n);
  Index v(at(n), 0);
  for (int64_t j = 1; j < n; ++j) v[at(j)] = v[at(j / 2)] / 2 + (j % 2 << (bits - 1));
  return v;
}

std::vector<int64_t> inverse_permutation(const std::vector<int64_t>& v) {
  Index inverse(v.size());
  checked(v);
  for (size_t j = 0; j < v.size(); ++j) inverse[at(v[j])] = static_cast<int64_t>(j);
  return inverse;
}

std::vector<int64_t> completed_permutation(std::vector<int64_t> first, int64_t n) {
  std::vector<bool> there(at(n), false);
  for (const int64_t entry : first) {
    check(entry >= 0 && entry < n && !there[at(entry)], "permutation: entry ", entry, " of ", n,
          " is out of range or there twice");
    there[at(entry)] = true;
  }
  for (int64_t i = 0; i < n; ++i)
    if (!there[at(i)]) first.push_back(i);
  return first;
}

Permutation::Permutation(const std::vector<int64_t>& index, DType dtype)
    : StructuredLinear("permutation", static_cast<int64_t>(index.size()),
                       static_cast<int64_t>(index.size()), false, dtype, Rng(0)),
      index_(Tensor::from(checked(index), {static_cast<int64_t>(index.size())})) {}

std::string Permutation::describe() const { return concat("Permutation(", in_features_, ")"); }

Butterfly permutation_as_butterfly(const std::vector<int64_t>& v, bool increasing_stride,
                                   DType dtype) {
  checked(v);
  const auto size = static_cast<int64_t>(v.size());
  check(size >= 1, "permutation: the index vector is empty");
  const int64_t n = butterfly_size(size), pairs = n / 2, factors = log2_exact(n);
  Index full(at(n));
  std::iota(full.begin(), full.end(), 0);
  std::copy(v.begin(), v.end(), full.begin());
  // B*B is BB* between two bit reversals, with the pairs of every factor in reversed order (Lemma
  // G.4).
  const Index outer = bit_reversal(n), inner = pairs > 0 ? bit_reversal(pairs) : Index();
  if (increasing_stride) {
    Index conjugate(at(n));
    for (size_t j = 0; j < conjugate.size(); ++j) conjugate[j] = outer[at(full[at(outer[j])])];
    full = std::move(conjugate);
  }
  std::vector<bool> swaps(at(2 * factors * pairs), false);
  if (n > 1) route(full, 0, n, swaps);

  Tensor twiddle = Tensor::zeros(twiddle_shape(1, 2, n, false), dtype);
  dispatch_floating(dtype, "permutation", [&]<class T>() {
    T* values = twiddle.mutable_data<T>();
    for (int64_t factor = 0; factor < 2 * factors; ++factor)
      for (int64_t i = 0; i < pairs; ++i, values += 4) {
        const bool swap = swaps[at(factor * pairs + (increasing_stride ? inner[at(i)] : i))];
        values[0] = values[3] = T(swap ? 0 : 1);
        values[1] = values[2] = T(swap ? 1 : 0);
      }
  });
  return Butterfly::from_twiddle(size, size, twiddle, increasing_stride);
}

}  // namespace papilio
