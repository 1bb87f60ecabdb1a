// The exact identification of a butterfly from single entries, behind identify_butterfly().
#pragma once

#include <atomic>
#include <complex>
#include <cstdint>
#include <vector>

#include "papilio/layers/entry_oracle.h"

namespace papilio::factorize {

/// Entries (row, column), what to multiply them by, and what comes out.
struct Batch {
  std::vector<int64_t> rows, columns;
  std::vector<std::complex<double>> factors, values;

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

/// A matrix behind an oracle, with its columns in the butterfly's order. Counts what is asked.
class Entries {
 public:
  Entries(const EntryOracle& oracle, const std::vector<int64_t>& index)
      : oracle_(oracle), index_(index) {}

  /// values = entries * factors; leaves `columns` in the matrix's order. Throws Error when an entry
  /// is not finite.
  void read(Batch& batch) const;
  int64_t evaluations() const { return evaluations_; }

 private:
  const EntryOracle& oracle_;
  const std::vector<int64_t>& index_;
  mutable std::atomic<int64_t> evaluations_{0};
};

/// Bits from ... to-1.
inline int64_t bits(int64_t from, int64_t to) { return (int64_t{1} << to) - (int64_t{1} << from); }
/// `value` with the bits of `mask` taken from `other`.
inline int64_t with_bits(int64_t value, int64_t mask, int64_t other) {
  return (value & ~mask) | (other & mask);
}

/// The twiddle [log2 n, n/2, 2, 2] of increasing strides whose matrix has these entries, if there
/// is one. T is double or std::complex<double>.
template <class T>
void identify(int64_t n, const Entries& entries, T* twiddle);

}  // namespace papilio::factorize
