// The permutations that can be learned by gradient descent (Dao et al. 2019, section 3.2): three
// choices at every level of a recursive splitting, each relaxed to a probability.
#pragma once

#include <cstdint>
#include <vector>

namespace papilio {

/// Levels work on contiguous blocks of n, n/2, ..., 4 elements, in this order. At each level every
/// block is (a) separated into its even and odd elements, then (b) its first half is reversed, then
/// (c) its second half, each or not: the same choices for all blocks of a level. `whole_first` adds
/// one more level on the whole in front, with choices of its own: the second P of "BPP", which the
/// cosine and sine transforms need. `shared`: the other levels make the same choices, so that 8
/// permutations are left. Bit reversal is a alone, at all levels.
///
/// Choices are in the order of application, (a, b, c) of every level or of the shared one; logits
/// are their relaxation, p = sigmoid(logit): z = (1 - p) x + p (x permuted).
struct PermutationChoices {
  int64_t n;  ///< a power of two
  bool whole_first = false;
  bool shared = false;

  /// Numbers of choices: 3 a level.
  int64_t count() const;
  /// v with y = x[v]. Throws Error unless there are count() choices.
  std::vector<int64_t> index(const std::vector<bool>& choices) const;
  /// p > 1/2
  std::vector<bool> rounded(const double* logits) const;
  /// All permutations when shared: 8, or 64 with whole_first; count() is then 3 or 6. Small n have
  /// the same permutation more than once.
  std::vector<std::vector<bool>> candidates() const;
};

/// The relaxed permutation of rows x[rows, n]. Its gradient needs what forward() kept. T is float,
/// double or complex of these. One object serves one thread at a time.
template <class T>
class SoftPermutation {
 public:
  explicit SoftPermutation(const PermutationChoices& choices) : choices_(choices) {}

  /// y[rows, n]; may be x.
  void forward(const double* logits, int64_t rows, const T* x, T* y);
  /// In place from dL/dy to dL/dx; adds dL/dlogits. Complex: dL/dRe + i dL/dIm.
  void backward(int64_t rows, T* gradient, double* grad_logits);

 private:
  PermutationChoices choices_;
  std::vector<double> p_;
  std::vector<T> kept_;  // what every step of every level was given: [2 levels, rows, n]
};

}  // namespace papilio
