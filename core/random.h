// Random numbers as pure functions: a key made of a seed and a chain of purposes, and an index into
// its sequence. Nothing holds a generator state, so the order of calls, threads and restarts never
// matter.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "papilio/core/tensor.h"

namespace papilio {

/// A key of the counter-based generator Philox4x32-10 (Salmon et al., "Parallel random numbers: as
/// easy as 1, 2, 3", SC 2011). Copies are equal keys.
class Rng {
 public:
  explicit Rng(uint64_t seed) : key_(seed) {}

  /// An independent key for a purpose, or for a number such as the epoch or the index of an
  /// example.
  Rng split(std::string_view purpose) const;
  Rng split(uint64_t number) const;

  /// The index-th 64 random bits of this key.
  uint64_t bits(uint64_t index) const;
  /// Uniform in [0, 1), multiples of 2^-53.
  double uniform(uint64_t index) const;
  /// Uniform integer in [0, count).
  int64_t below(int64_t count, uint64_t index) const;
  /// Standard normal, by the Box-Muller transform.
  double normal(uint64_t index) const;
  /// A uniformly random order of 0 .. count-1 (Fisher-Yates).
  std::vector<int64_t> permutation(int64_t count) const;

  uint64_t key() const { return key_; }

 private:
  uint64_t key_;
};

/// Independent N(0, 1) entries; a complex entry has E|z|^2 = 1, each part variance 1/2.
Tensor randn(const Shape& shape, Rng rng, DType dtype = DType::f32);
/// Independent entries, uniform in [low, high); both parts of a complex entry.
Tensor rand_uniform(const Shape& shape, double low, double high, Rng rng, DType dtype = DType::f32);

}  // namespace papilio
