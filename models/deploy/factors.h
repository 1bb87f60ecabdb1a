// The butterflies of a step as 2 x 2 matrices factor by factor, for exporters. Internal to models.
#pragma once

#include <array>
#include <complex>
#include <cstdint>
#include <vector>

#include "papilio/models/deploy/chain.h"

namespace papilio::models {

/// [[m[0], m[1]], [m[2], m[3]]]
using Matrix2 = std::array<std::complex<double>, 4>;

struct Factor {
  int64_t n, stride;
  Tying tying;
  bool ends_block = false;
  bool unit_diagonal = false;  ///< all of its matrices are [[1, b], [c, 1]]
  std::vector<Matrix2> matrices;

  /// Which of the matrices mixes elements `low` and `low` + stride.
  size_t index(int64_t low) const;
  const Matrix2& matrix(int64_t low) const { return matrices[index(low)]; }
  /// Calls body(low) for every pair.
  template <class Body>
  void for_each_pair(const Body& body) const {
    for (int64_t begin = 0; begin < n; begin += 2 * stride)
      for (int64_t low = begin; low < begin + stride; ++low) body(low);
  }
};

int64_t stacks(const ButterflyStep& step);
/// Of one stack, in the order of application.
std::vector<Factor> factors(const ButterflyStep& step, int64_t stack);
/// The product with x [features in], of all stacks; neither real_part, bias nor ReLU is applied.
std::vector<std::complex<double>> multiply(const ButterflyStep& step,
                                           const std::vector<std::complex<double>>& x);

/// Scales the matrices of tied butterflies of increasing strides, or reversed ones, such that they
/// have ones on their diagonals in all factors but each block's last, which takes the scales. It is
/// the same product. False, and `all` unchanged, when a diagonal is too near to 0.
bool unit_diagonals(std::vector<Factor>& all);

/// Makes the standardisation a part of the layer after it, wherever it is followed by one: scales
/// go to the columns of the weights or of the first factor (unless that is tied), shifts to the
/// bias (unless they are so large that this would cost accuracy). A tensor of the step that has
/// become needless is undefined after it.
void fold_standardization(Chain& chain);

}  // namespace papilio::models
