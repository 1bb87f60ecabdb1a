#include "papilio/layers/entry_oracle.h"

#include <algorithm>
#include <cmath>

#include "papilio/core/error.h"
#include "papilio/core/random.h"
#include "papilio/layers/factorize/identify.h"
#include "papilio/layers/permutation.h"
#include "papilio/layers/twiddle.h"

namespace papilio {
namespace {

using Complex = std::complex<double>;
using Index = std::vector<int64_t>;

using factorize::Batch;
using factorize::bits;
using factorize::Entries;
using factorize::with_bits;

// Entries of the butterfly: the product of one entry of each factor.
template <class T>
Complex entry_of(int64_t n, const T* twiddle, int64_t i, int64_t j) {
  Complex product = 1;
  for (int64_t level = 0; int64_t{1} << level < n; ++level, twiddle += 2 * n) {
    const int64_t low = i & bits(0, level), high = j >> (level + 1);
    const int64_t r = i >> level & 1, c = j >> level & 1;
    product *= twiddle[((high << level) + low) * 4 + 2 * r + c];
  }
  return product;
}

void add_random(int64_t n, int64_t count, Batch& batch) {
  const Rng rng = Rng(0).split("samples");
  for (int64_t e = 0; e < count; ++e)
    batch.add(rng.below(n, 2 * static_cast<uint64_t>(e)),
              rng.below(n, 2 * static_cast<uint64_t>(e) + 1));
}

template <class T>
double sampled_error(int64_t n, const T* twiddle, const Entries& entries) {
  Batch batch;
  add_random(n, std::min(OracleFit::samples, n * n), batch);
  const Index columns = batch.columns;
  entries.read(batch);
  double error = 0, whole = 0;
  for (size_t e = 0; e < columns.size(); ++e) {
    error += std::norm(batch.values[e] - entry_of(n, twiddle, batch.rows[e], columns[e]));
    whole += std::norm(batch.values[e]);
  }
  return whole > 0 ? std::sqrt(error / whole) : std::sqrt(error);
}

// How far sampled 2 x 2 minors of the blocks of all splits are from zero, relative to their terms.
double minors(int64_t n, const Entries& entries) {
  constexpr int64_t kSamples = 32;
  const int64_t levels = log2_exact(n);
  Batch corners, batch;
  add_random(n, 2 * kSamples * levels, corners);
  for (int64_t m = 1; m < levels; ++m)
    for (int64_t e = 0; e < kSamples; ++e) {
      const auto at = static_cast<size_t>(2 * (m * kSamples + e));
      const int64_t i = corners.rows[at], j = corners.columns[at];
      const int64_t other_i = with_bits(corners.rows[at + 1], bits(0, m), i);
      const int64_t other_j = with_bits(corners.columns[at + 1], bits(m, levels), j);
      batch.add(i, j), batch.add(other_i, other_j), batch.add(i, other_j), batch.add(other_i, j);
    }
  if (batch.rows.empty()) return 0;
  entries.read(batch);
  double error = 0, whole = 0;
  for (size_t e = 0; e < batch.values.size(); e += 4) {
    const Complex one = batch.values[e] * batch.values[e + 1],
                  two = batch.values[e + 2] * batch.values[e + 3];
    error += std::norm(one - two);
    whole += std::norm(one) + std::norm(two);
  }
  return whole > 0 ? error / whole : 0;
}

struct Choice {
  std::string name;
  Index index;
  int64_t evaluations;
};

Choice choose(int64_t n, const EntryOracle& oracle, const OracleOptions& options) {
  if (!options.index.empty()) {
    check(static_cast<int64_t>(options.index.size()) == n,
          "identify_butterfly: the given permutation has ", options.index.size(),
          " entries, the matrix ", n, " columns");
    inverse_permutation(options.index);
    return {"given", options.index, 0};
  }
  constexpr double kZero = 1e-20;
  Choice best{"", {}, 0};
  double smallest = 0;
  std::string names;
  for (const BpPermutation& p : bp_permutations()) {
    names += concat(", ", text(p));
    if (options.permutation != "search" && options.permutation != text(p)) continue;
    Choice choice{text(p), index_of(p, n), best.evaluations};
    if (options.permutation != "search") return choice;
    const Entries entries(oracle, choice.index);
    const double size = std::max(minors(n, entries), kZero);
    choice.evaluations = best.evaluations += entries.evaluations();
    if (!best.name.empty() && size >= smallest) continue;
    smallest = size;
    best = std::move(choice);
  }
  check(!best.name.empty(), "identify_butterfly: unknown permutation '", options.permutation,
        "'; the names are search", names);
  return best;
}

template <class T>
OracleFit identify(int64_t n, const EntryOracle& oracle, const OracleOptions& options) {
  const EntryOracle real_entries = [&oracle](auto rows, auto columns, auto values) {
    oracle(rows, columns, values);
    for (size_t e = 0; e < values.size(); ++e)
      check(values[e].imag() == 0, "identify_butterfly: the oracle says that entry [", rows[e],
            ", ", columns[e], "] has imaginary part ", values[e].imag(),
            "; a butterfly of dtype f64 is real, ask for c128");
  };
  const EntryOracle& checked = is_complex_type<T> ? oracle : real_entries;
  Choice choice = choose(n, checked, options);
  OracleFit fit{};
  fit.twiddle = Tensor(twiddle_shape(1, 1, n, false), dtype_of<T>());
  const Entries entries(checked, choice.index);
  T* twiddle = fit.twiddle.mutable_data<T>();
  factorize::identify(n, entries, twiddle);
  fit.sampled_error = sampled_error(n, twiddle, entries);
  fit.evaluations = choice.evaluations + entries.evaluations();
  fit.parameters = fit.twiddle.numel();
  fit.permutation = std::move(choice.name);
  fit.index = std::move(choice.index);
  return fit;
}

}  // namespace

EntryOracle entry_oracle(std::function<std::complex<double>(int64_t row, int64_t column)> entry) {
  return [entry = std::move(entry)](std::span<const int64_t> rows, std::span<const int64_t> columns,
                                    std::span<Complex> values) {
    for (size_t e = 0; e < rows.size(); ++e) values[e] = entry(rows[e], columns[e]);
  };
}

OracleFit identify_butterfly(int64_t n, const EntryOracle& entries, const OracleOptions& options) {
  check(n >= 2 && n <= int64_t{1} << 31 && (n & (n - 1)) == 0, "identify_butterfly: n = ", n,
        "; an n x n matrix with n a power of two from 2 to 2^31 can be identified");
  check(options.dtype == DType::c128 || options.dtype == DType::f64, "identify_butterfly: dtype ",
        text(options.dtype), "; f64 or c128 are possible");
  check(entries != nullptr, "identify_butterfly: no oracle; give a function");
  return options.dtype == DType::f64 ? identify<double>(n, entries, options)
                                     : identify<Complex>(n, entries, options);
}

}  // namespace papilio
