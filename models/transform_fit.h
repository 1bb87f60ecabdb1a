// The misfit of a chain of permutations and butterflies from a given matrix, as a function of its
// numbers: what learning a transform minimises (Dao et al. 2019, section 4.1).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "papilio/core/random.h"
#include "papilio/layers/permutation_choices.h"
#include "papilio/layers/product.h"

namespace papilio::models {

/// One stage of the chain: a permutation, if it has one, then blocks of alternating directions.
struct FitStage {
  bool permuted = false;
  bool whole_first = false;  ///< of PermutationChoices
  int64_t nblocks = 1;
  bool increasing_stride = true;
};

struct FitModel {
  int64_t n = 0;  ///< of the butterflies; at least the sizes of the matrix
  std::vector<FitStage> stages;
  bool complex = true;  ///< twiddles
  bool tied = true;
  /// For complex twiddles and a real matrix: the loss sees the real part only, and the imaginary
  /// part may be anything; otherwise that is to be 0.
  bool real_part = false;
  bool single = false;  ///< computes in float instead of double

  /// Reals in the twiddles (1, nblocks, log2 n, n/2, 2, 2), or tied (1, nblocks, n-1, 2, 2), of all
  /// stages one after the other.
  int64_t twiddle_count() const;
  /// The choices of one stage's permutation.
  PermutationChoices choices(const FitStage& stage, bool shared) const;
  /// Logits of all permuted stages.
  int64_t logit_count(bool shared) const;
  /// Entries N(0, 1/2), complex with E|z|^2 = 1/2: the product keeps the mean square of its input.
  std::vector<double> initial(Rng rng) const;
  /// The layer with these numbers, multiplied by `scale`: a Product of Resize (if in_features < n),
  /// Permutation and Butterfly. `permutations` has an entry for each stage, empty where it is not
  /// permuted.
  Product layer(std::span<const double> twiddles,
                const std::vector<std::vector<int64_t>>& permutations, int64_t in_features,
                int64_t out_features, bool complex_output, double scale) const;
};

/// sum |M - target|^2 / columns, for a target [out, in], c128.
class Misfit {
 public:
  virtual ~Misfit() = default;
  /// The gradient is overwritten. x are the twiddles; for soft permutations the logits follow.
  virtual double operator()(std::span<const double> x, std::span<double> gradient) = 0;
};

/// With permutations as FitModel::layer() takes them. A single complex butterfly is compared in n^2
/// steps, other chains multiply the identity.
std::unique_ptr<Misfit> hard_misfit(const FitModel& model, const Tensor& target,
                                    const std::vector<std::vector<int64_t>>& permutations);

/// With relaxed permutations. Every call takes the next `columns` columns of the target, in an
/// order that is random by `rng`; all of them when there are no more.
std::unique_ptr<Misfit> soft_misfit(const FitModel& model, const Tensor& target, bool shared,
                                    int64_t columns, Rng rng);

}  // namespace papilio::models
