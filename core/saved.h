// Saved: what a backward function needs of a tensor of the forward pass, kept as its numbers or as
// a way to compute them again.
//
// An op says by recomputable() that its output costs no more than a pass over memory, from inputs
// that are kept anyway. Whoever needs that output in its backward function keeps it as a Saved, and
// the memory is free until then. Batch norm does so, which spares a third of a convolutional
// network's activations. What only moves numbers (gather, concat, pooling) does not: there is less
// of it, and it would cost twice as much time for a byte.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "papilio/core/tensor.h"

namespace papilio {

namespace detail {
struct Recipe;
struct Remade;
}  // namespace detail

/// What a backward function captures instead of a Tensor. Copies, and all that were made of one
/// tensor, share what is computed.
class Saved {
 public:
  Saved() = default;
  /// Keeps the tensor, or only its recipe if the op that made it left one.
  Saved(const Tensor& tensor);

  bool defined() const { return kept_.defined() || remade_; }
  const Shape& shape() const;
  /// The tensor, computed again if it has to be: once, for all that saved it, and to the same bits.
  /// It is freed with the last Saved of it.
  const Tensor& get() const;

  /// How many tensors get() computes one from the other: 0 when the tensor itself is kept.
  int depth() const;

 private:
  Tensor kept_;
  std::shared_ptr<detail::Remade> remade_;
};

/// How to compute a tensor again. The op that made it captures this in its backward function, which
/// lives longer than those of all who use the tensor; undefined, it does nothing.
using Recipe = std::shared_ptr<const detail::Recipe>;

/// For an op that has just computed `y`, before it calls record(): make() would give the same bits
/// from `sources` and from what it captures otherwise. Worth it only where the sources are kept
/// anyway, or can themselves be recomputed. Chains of these have a limit, so that a backward pass
/// holds only few recomputed tensors at once: beyond it, and without a tape, the recipe is
/// undefined and y is kept.
Recipe recomputable(Tensor& y, std::span<const Saved> sources, std::function<Tensor()> make);

}  // namespace papilio
