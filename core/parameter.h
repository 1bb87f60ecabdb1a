// Parameter: a named, trained Tensor with its gradient and hints for the optimizer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "papilio/core/tensor.h"

namespace papilio {

namespace detail {
struct ParameterState;
}

/// Is it an untied twiddle, as butterfly_multiply() takes it, and in which direction does its first
/// block go?
enum class TwiddleHint : uint8_t { none, increasing_stride, decreasing_stride };

struct ParameterHints {
  bool weight_decay = true;  ///< false for biases, norms and structured weights
  double learning_rate_scale = 1;
  bool structured = false;  ///< of a structured matrix, whose best learning rate is another
  /// Lets a checkpoint hold the parameter in its frozen form, so it must say how the parameter is
  /// used.
  TwiddleHint twiddle = TwiddleHint::none;
  /// Axes before this one count matrices, this one is their rows, the later ones together their
  /// columns: what orthogonal initialisation and weight normalisation take. -1: no matrices.
  int rows_axis = -1;
};

/// Where in the source a call stands: std::source_location, which clang 14 does not have.
struct Place {
  const char* file = "";
  int line = 0;
  static constexpr Place current(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
};

/// A handle: copies are the same parameter, with one value and gradient. A Parameter that is a
/// member of two modules is therefore trained once, saved once and shared. Its value converts to
/// `const Tensor&` for ops.
class Parameter {
 public:
  /// No parameter, as the bias of a layer without one: defined() is false.
  Parameter() = default;
  /// The place where it is made is remembered for error messages.
  explicit Parameter(const Tensor& value, ParameterHints hints = {},
                     Place place = Place::current());

  bool defined() const { return state_ != nullptr; }
  const Tensor& value() const;
  operator const Tensor&() const { return value(); }
  /// For optimizers, loading and averaging. Raises the version.
  Tensor& mutable_value();

  /// The sum of the gradients since the last clear_gradient(); undefined when there was none.
  const Tensor& gradient() const;
  Tensor& mutable_gradient();
  void clear_gradient();
  /// Adds to the gradient. Throws Error unless shape and dtype are the value's.
  void accumulate(Tensor gradient);

  const ParameterHints& hints() const;
  ParameterHints& mutable_hints();
  /// A frozen parameter is a constant: tapes record no gradient for it.
  bool frozen() const;
  void freeze(bool frozen = true);

  /// Of this handle: "hidden.twiddle", the path in the module whose parameters() gave it, and
  /// "twiddle" when that was the layer. Empty for a member of a module.
  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }
  /// "linear.cc:21", where it was made.
  std::string place() const;
  /// Set by an optimizer that steps this parameter.
  void set_listed();
  bool listed() const;

  bool operator==(const Parameter& other) const { return state_ == other.state_; }
  const void* identity() const { return state_.get(); }

  /// Another handle to a state that the library holds.
  explicit Parameter(std::shared_ptr<detail::ParameterState> state) : state_(std::move(state)) {}

 private:
  detail::ParameterState& state() const;

  std::shared_ptr<detail::ParameterState> state_;
  std::string name_;
};

/// Throws Error when backward() on this thread gave a gradient to a parameter that no optimizer
/// lists; the message has its shape and the place where it was made. Optimizers call it at the end
/// of step().
void check_all_listed();

}  // namespace papilio
