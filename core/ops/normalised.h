// What batch_norm() and conv2d_batch_norm() share: the normalisation of every channel and its
// gradient.
#pragma once

#include "papilio/core/kernels/norm.h"
#include "papilio/core/ops.h"
#include "papilio/core/saved.h"

namespace papilio::detail {

/// What follows the normalisation in the same pass: an addition and an activation.
struct NormEnd {
  Activation activation;
  const Tensor& residual;
};

void check_batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                      const NormEnd& end);

/// What the backward pass needs of a forward pass.
struct Normalised {
  Saved x;
  Tensor gamma, mean, inverse;
  Tensor factor, beta;  ///< with relu
  Saved y;              ///< with relu after a residual
  bool own;             ///< the statistics are those of x
  papilio::Recipe recipe;
};

struct NormResult {
  Tensor y;
  Normalised backward;
};
/// Normalises with `statistics`, of this batch (`own`) or given ones.
NormResult normalise(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                     const BatchStatistics& statistics, bool own, const NormEnd& end);

/// Which of its gradients somebody wants.
struct NormNeeds {
  bool x, parameters, residual;
};

/// dx = gamma r (dy - mean(dy) - x^ mean(dy x^)), where x^ = (x - mean) r; the means only when they
/// depend on x. dbeta and dgamma are sum(dy) and sum(dy x^).
template <class T>
class NormGradient {
 public:
  /// `place` is as dy, perhaps its very memory: where the gated dy goes if it must be written.
  NormGradient(const Normalised& forward, const Tensor& dy, const NormNeeds& needs,
               const Tensor& place);

  const Tensor& gamma() const { return dgamma_; }
  const Tensor& beta() const { return dbeta_; }
  /// dy where the ReLU let it pass, the gradient of a residual.
  const Tensor& residual() const { return passed_; }
  /// Rows first .. first + count - 1 of dx, of `channels` numbers, to `to`; x must have been
  /// needed.
  void x(int64_t first, int64_t count, T* to) const;

 private:
  Tensor from_, mean_, passed_, dgamma_, dbeta_, factors_;
  kernels::ReluGate<T> gate_;
};

}  // namespace papilio::detail
