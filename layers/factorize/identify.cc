#include "papilio/layers/factorize/identify.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "papilio/core/error.h"
#include "papilio/core/threads.h"
#include "papilio/layers/factorize/scalar.h"
#include "papilio/layers/twiddle.h"

namespace papilio::factorize {
namespace {

using Complex = std::complex<double>;
using Index = std::vector<int64_t>;

constexpr int64_t kBatch = 4096;

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
        batch.factors[e] = product(batch.factors[e], s.right[h]);
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
  const double square = abs2(z);
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
        if (attempt > 0 && abs2(batch.values[e]) <= abs2(pivot) * kClearly) continue;
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

}  // namespace

void Entries::read(Batch& batch) const {
  for (int64_t& column : batch.columns) column = index_[static_cast<size_t>(column)];
  batch.values.resize(batch.rows.size());
  oracle_(batch.rows, batch.columns, batch.values);
  evaluations_ += static_cast<int64_t>(batch.rows.size());
  for (size_t e = 0; e < batch.values.size(); ++e) {
    Complex& value = batch.values[e];
    check(std::isfinite(value.real()) && std::isfinite(value.imag()),
          "identify_butterfly: the oracle says that entry [", batch.rows[e], ", ", batch.columns[e],
          "] is ", value.real(), " + ", value.imag(), " i; all have to be finite");
    value = product(value, batch.factors[e]);
  }
}

template <class T>
void identify(int64_t n, const Entries& entries, T* twiddle) {
  Identification<T>(n, entries, twiddle).run();
}

template void identify(int64_t, const Entries&, double*);
template void identify(int64_t, const Entries&, Complex*);

}  // namespace papilio::factorize
