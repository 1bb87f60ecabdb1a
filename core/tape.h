// Tape: reverse-mode differentiation. While a Tape lives, the ops of its thread are recorded on it;
// backward() walks the records from last to first. Without a Tape nothing is recorded: plain calls
// are inference.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "papilio/core/parameter.h"
#include "papilio/core/tensor.h"

namespace papilio {

class TapeState;

/// Where the backward function of an op puts the gradients of its inputs.
class InputGradients {
 public:
  /// False when nobody wants the gradient of input `i`: skip its computation.
  bool needs(size_t i) const { return slots_[i] >= 0; }
  /// Adds the gradient of input `i`, which has that input's shape and dtype. A gradient passed on
  /// unchanged may be the very tensor that came in; it is never written.
  void add(size_t i, Tensor gradient);
  /// The gradient of input `i` so far, which other ops gave; undefined if none has. It is taken
  /// out: the caller adds its own, in the place of in_place_of() perhaps, and gives the sum to
  /// add().
  Tensor take(size_t i);
  /// A tensor like `output_gradient` to write the gradient of one input to: that very memory when
  /// nobody else holds it, otherwise new memory. An element may be written only when its old value
  /// is no longer needed.
  static Tensor in_place_of(const Tensor& output_gradient);

 private:
  friend class Tape;
  InputGradients(std::span<const int32_t> slots, TapeState& tape, const char* op)
      : slots_(slots), tape_(tape), op_(op) {}
  std::span<const int32_t> slots_;
  TapeState& tape_;
  const char* op_;
};

/// Given dL/d(output), adds dL/d(input i). Complex gradients are dL/dRe + i dL/dIm, as in PyTorch.
using Backward = std::function<void(const Tensor& output_gradient, InputGradients& inputs)>;

/// Records what its thread computes from construction to destruction. Tapes nest as a stack: the
/// innermost records; a tensor that another live tape recorded is an Error as an input. A tape is
/// used once, and gives no gradients of gradients.
class Tape {
 public:
  Tape();
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// Adds dL/dp to the gradient of every parameter p that the real scalar `loss` (one element) was
  /// computed from.
  void backward(const Tensor& loss);
  /// The same from a gradient `seed` of `output`, of equal shape and dtype.
  void backward(const Tensor& output, const Tensor& seed);

  /// Declares `input` as one whose gradient is wanted, as if it were a parameter; use the returned
  /// tensor.
  Tensor watch(const Tensor& input);
  /// After backward(): the gradient of a watched tensor; undefined when the output does not depend
  /// on it.
  Tensor gradient(const Tensor& watched) const;

  /// Names of the ops on the tape, in the order in which they were recorded.
  std::vector<std::string_view> ops() const;

  /// True while a tape records on this thread: dropout and batch norm then behave as in training.
  static bool recording();

 private:
  friend bool recorded(std::span<const Tensor* const> inputs);
  friend void record_op(const char* op, Tensor& output, std::span<const Tensor* const> inputs,
                        Backward backward);
  std::unique_ptr<TapeState> state_;
};

/// Suspends recording on this thread while it lives, as for validation inside a step.
class NoTape {
 public:
  NoTape();
  ~NoTape();
  NoTape(const NoTape&) = delete;
  NoTape& operator=(const NoTape&) = delete;

 private:
  TapeState* suspended_;
};

/// True when a tape records here and the gradient of one of the inputs is wanted. Throws Error when
/// an input belongs to another live tape.
bool recorded(std::span<const Tensor* const> inputs);
void record_op(const char* op, Tensor& output, std::span<const Tensor* const> inputs,
               Backward backward);

/// How an op puts itself on the tape, after it has computed `output`:
///
///   record("relu", y, {&x}, [x](const Tensor& dy, InputGradients& dx) { dx.add(0, ...); });
///
/// The closure keeps what it captures until backward() has passed it; without a tape it is dropped
/// at once. Undefined inputs (an absent bias) are allowed. `op` is a literal; the gradient-check
/// table of the tests must have a row of that name.
template <class Closure>
void record(const char* op, Tensor& output, std::initializer_list<const Tensor*> inputs,
            Closure&& backward) {
  std::span<const Tensor* const> all(inputs.begin(), inputs.size());
  if (recorded(all)) record_op(op, output, all, Backward(std::forward<Closure>(backward)));
}
/// The same for an op with any number of inputs.
template <class Closure>
void record(const char* op, Tensor& output, std::span<const Tensor> inputs, Closure&& backward) {
  std::vector<const Tensor*> all;
  for (const Tensor& input : inputs) all.push_back(&input);
  if (recorded(all)) record_op(op, output, all, Backward(std::forward<Closure>(backward)));
}

}  // namespace papilio
