// Fixed permutations of the last axis, as themselves and as butterflies.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "papilio/layers/butterfly.h"

namespace papilio {

/// For n a power of two: entry j is j with its log2 n bits in reverse; 0 4 2 6 1 5 3 7 for n = 8.
/// It is its own inverse.
std::vector<int64_t> bit_reversal(int64_t n);
/// w with w[v[j]] = j.
std::vector<int64_t> inverse_permutation(const std::vector<int64_t>& v);
/// `first`, which has no entry twice, and behind it what it lacks of 0 ... n-1 in order.
std::vector<int64_t> completed_permutation(std::vector<int64_t> first, int64_t n);

/// y[..., j] = x[..., v[j]], of any floating dtype: dtype() says which one to_dense() and a Product
/// take. The buffer `index` i64 [n] is saved with the model.
class Permutation : public StructuredLinear {
 public:
  /// Throws Error unless `index` holds each of 0 ... n-1 once.
  explicit Permutation(const std::vector<int64_t>& index, DType dtype = DType::f32);

  Tensor multiply(const Tensor& x) override { return gather(x, index_); }
  void fields(Fields& f) override { f("index", index_); }
  std::string describe() const override;
  Config config() const override { return base_config(); }

  const Tensor& index() const { return index_; }

 protected:
  int64_t flops_per_row() const override { return 0; }

 private:
  Tensor index_;
};

/// A butterfly of two blocks, decreasing then increasing strides (BB*) or the other way round
/// (B*B), that is exactly the permutation y = x[v]: every 2 x 2 matrix is I or a swap. Any n; the
/// padded tail stays in place. By the colouring of the Benes network (Dao et al. 2020, Theorem 2
/// and Lemma G.7). No bias.
Butterfly permutation_as_butterfly(const std::vector<int64_t>& v, bool increasing_stride = false,
                                   DType dtype = DType::f32);

}  // namespace papilio
