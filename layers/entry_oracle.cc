#include "papilio/layers/entry_oracle.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>

#include "papilio/core/error.h"
#include "papilio/core/random.h"
#include "papilio/core/threads.h"
#include "papilio/layers/factorize/scalar.h"
#include "papilio/layers/permutation.h"
#include "papilio/layers/twiddle.h"

namespace papilio {
namespace {

using Complex = std::complex<double>;
using Index = std::vector<int64_t>;

constexpr int64_t kBatch = 4096;

// Entries (row, column) and what to multiply them by.
struct Batch {
  Index rows, columns;
  std::vector<Complex> factors, values;

  void clear() {
    rows.clear();
    columns.clear();
    factors.clear();
  }
  void add(int64_t row, int64_t column) {
    rows.push_back(row);
    columns.push_back(column);
    factors.emplace_back(1);
  }
};

// The matrix with its columns in the butterfly's order.
class Entries {
 public:
  Entries(const EntryOracle& oracle, const Index& index) : oracle_(oracle), index_(index) {}

  // values = entries * factors; leaves `columns` in the matrix's order.
  void read(Batch& batch) const {
    for (int64_t& column : batch.columns) column = index_[static_cast<size_t>(column)];
    batch.values.resize(batch.rows.size());
    oracle_(batch.rows, batch.columns, batch.values);
    evaluations_ += static_cast<int64_t>(batch.rows.size());
    for (size_t e = 0; e < batch.values.size(); ++e) {
      Complex& value = batch.values[e];
      check(std::isfinite(value.real()) && std::isfinite(value.imag()),
            "identify_butterfly: the oracle says that entry [", batch.rows[e], ", ",
            batch.columns[e], "] is ", value.real(), " + ", value.imag(),
            " i; all have to be finite");
      value = factorize::product(value, batch.factors[e]);
    }
  }
  int64_t evaluations() const { return evaluations_; }

 private:
  const EntryOracle& oracle_;
  const Index& index_;
  mutable std::atomic<int64_t> evaluations_{0};
};

int64_t bits(int64_t from, int64_t to) { return (int64_t{1} << to) - (int64_t{1} << from); }
// `value` with the bits of `mask` taken from `other`.
int64_t with_bits(int64_t value, int64_t mask, int64_t other) {
  return (value & ~mask) | (other & mask);
}

// The split of levels [p, q) at m: Z(i, j) = X(i, h) Y(h, j), where h has bits [p, m) of i and
// [m, q) of j. The entries with the same h are one block of rank one, and (row[h], column[h]) is
// its pivot: X(i, h) = Z(i, column[h]) left[h], Y(h, j) = Z(row[h], j) right[h].
struct SplitPivots {
  std::vector<uint32_t> row, column;
  std::vector<double> left;
  std::vector<Complex> right;

  explicit SplitPivots(int64_t n)
      : row(static_cast<size_t>(n)),
        column(static_cast<size_t>(n)),
        left(static_cast<size_t>(n)),
        right(static_cast<size_t>(n)) {}
};

// The way from a node up to the matrix.
struct Step {
  const SplitPivots* split;
  bool is_left;
};
using Path = std::vector<Step>;

// From entries of the node at the end of the path to entries of the matrix.
void trace_back(const Path& path, Batch& batch) {
  for (auto step = path.rbegin(); step != path.rend(); ++step) {
    const SplitPivots& s = *step->split;
    for (size_t e = 0; e < batch.rows.size(); ++e) {
      const auto h = static_cast<size_t>(step->is_left ? batch.columns[e] : batch.rows[e]);
      if (step->is_left) {
        batch.factors[e] *= s.left[h];
        batch.columns[e] = s.column[h];
      } else {
        batch.factors[e] = factorize::product(batch.factors[e], s.right[h]);
        batch.rows[e] = s.row[h];
      }
    }
  }
}

template <class Body>
void for_each_batch(int64_t count, const Body& body) {
  parallel_for((count + kBatch - 1) / kBatch, [&](int64_t begin, int64_t end) {
    Batch batch;
    for (int64_t b = begin; b < end; ++b) {
      batch.clear();
      body(batch, b * kBatch, std::min(count, (b + 1) * kBatch));
    }
  });
}

// Where in block h to look for a pivot: its first entry, then the entry on the diagonal of the
// node, then anywhere.
struct Place {
  int64_t row, column;
};
Place candidate(int64_t h, int64_t rows, int64_t columns, int attempt) {
  if (attempt == 0) return {with_bits(h, rows, 0), with_bits(h, columns, 0)};
  if (attempt == 1) return {h, h};
  // The finaliser of MurmurHash3.
  uint64_t random = static_cast<uint64_t>(h) * 64 + static_cast<uint64_t>(attempt);
  random = (random ^ (random >> 33)) * 0xff51afd7ed558ccd;
  random = (random ^ (random >> 33)) * 0xc4ceb9fe1a85ec53;
  return {with_bits(h, rows, static_cast<int64_t>(random & 0x7fffffff)),
          with_bits(h, columns, static_cast<int64_t>(random >> 33))};
}

// |z|, without the library's care where squares are in range.
double modulus(Complex z) {
  const double square = factorize::abs2(z);
  return square > 1e-280 && square < 1e280 ? std::sqrt(square) : std::abs(z);
}

template <class T>
class Identification {
 public:
  Identification(int64_t n, const Entries& entries, T* twiddle)
      : n_(n), entries_(entries), twiddle_(twiddle) {}

  void run() { run(0, log2_exact(n_)); }

 private:
  void run(int64_t p, int64_t q) {
    if (q - p == 1) return leaf(p);
    const int64_t m = (p + q) / 2;
    // One for each depth, kept: fresh memory is slow to touch.
    if (path_.size() == splits_.size()) splits_.push_back(std::make_unique<SplitPivots>(n_));
    SplitPivots& pivots = *splits_[path_.size()];
    for_each_batch(n_, [&](Batch& batch, int64_t begin, int64_t end) {
      find_pivots(begin, end, bits(m, q), bits(p, m), batch, pivots);
    });
    path_.push_back({&pivots, false});
    run(p, m);
    path_.back().is_left = true;
    run(m, q);
    path_.pop_back();
  }

  // The largest of a few entries of each block; more are looked at only where all are zero.
  void find_pivots(int64_t begin, int64_t end, int64_t rows, int64_t columns, Batch& batch,
                   SplitPivots& pivots) const {
    constexpr int kCandidates = 4, kAttempts = 64;
    std::vector<Complex> best(static_cast<size_t>(end - begin), Complex(0));
    Index open;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      batch.clear();
      open.clear();
      for (int64_t h = begin; h < end; ++h) {
        if (attempt >= kCandidates && best[static_cast<size_t>(h - begin)] != 0.0) continue;
        const Place place = candidate(h, rows, columns, attempt);
        batch.add(place.row, place.column);
        open.push_back(h);
      }
      if (open.empty()) break;
      trace_back(path_, batch);
      entries_.read(batch);
      for (size_t e = 0; e < open.size(); ++e) {
        const int64_t h = open[e];
        Complex& pivot = best[static_cast<size_t>(h - begin)];
        if (attempt > 0 && factorize::abs2(batch.values[e]) <= factorize::abs2(pivot) * kClearly)
          continue;
        const Place place = candidate(h, rows, columns, attempt);
        pivot = batch.values[e];
        pivots.row[static_cast<size_t>(h)] = static_cast<uint32_t>(place.row);
        pivots.column[static_cast<size_t>(h)] = static_cast<uint32_t>(place.column);
      }
    }
    for (int64_t h = begin; h < end; ++h) {
      const Complex pivot = best[static_cast<size_t>(h - begin)];
      const double size = modulus(pivot), root = std::sqrt(size);
      pivots.left[static_cast<size_t>(h)] = size > 0 ? 1 / root : 0;
      pivots.right[static_cast<size_t>(h)] =
          size > 0 ? std::conj(pivot) / size * (root / size) : Complex(0);
    }
  }

  void leaf(int64_t level) const {
    const int64_t stride = int64_t{1} << level;
    for_each_batch(2 * n_, [&](Batch& batch, int64_t begin, int64_t end) {
      for (int64_t e = begin; e < end; ++e) {
        const int64_t pair = e / 4, l = pair % stride, i = 2 * (pair - l) + l;
        batch.add(i + e / 2 % 2 * stride, i + e % 2 * stride);
      }
      trace_back(path_, batch);
      entries_.read(batch);
      T* to = twiddle_ + level * 2 * n_ + begin;
      for (const Complex& value : batch.values)
        if constexpr (is_complex_type<T>)
          *to++ = value;
        else
          *to++ = value.real();
    });
  }

  static constexpr double kClearly = 1 + 1e-9;  // equal sizes leave the first candidate

  int64_t n_;
  const Entries& entries_;
  T* twiddle_;
  Path path_;
  std::vector<std::unique_ptr<SplitPivots>> splits_;
};

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
  Identification<T>(n, entries, twiddle).run();
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
