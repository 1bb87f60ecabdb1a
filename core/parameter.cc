#include "papilio/core/parameter.h"

#include <string_view>
#include <vector>

#include "papilio/core/accumulate.h"
#include "papilio/core/parameter_state.h"
#include "papilio/core/tensor_state.h"

namespace papilio {
namespace {

// Parameters of this thread that got a gradient while no optimizer listed them.
thread_local std::vector<std::weak_ptr<detail::ParameterState>> unlisted;

std::string text_of(const Place& place) {
  const std::string_view file = place.file;
  return concat(file.substr(file.rfind('/') + 1), ":", place.line);
}

}  // namespace

Parameter::Parameter(const Tensor& value, ParameterHints hints, Place place)
    : state_(std::make_shared<detail::ParameterState>()) {
  check(value.defined(), "parameter: its value is undefined");
  // A handle of its own: the tensor that was passed in stays an ordinary constant.
  state_->value = value.detach();
  state_->value.state()->parameter = state_;
  state_->hints = hints;
  state_->place = place;
}

detail::ParameterState& Parameter::state() const {
  check(state_ != nullptr, "parameter: it is undefined (default-constructed)");
  return *state_;
}

const Tensor& Parameter::value() const { return state().value; }
Tensor& Parameter::mutable_value() { return state().value; }
const Tensor& Parameter::gradient() const { return state().gradient; }
Tensor& Parameter::mutable_gradient() { return state().gradient; }
void Parameter::clear_gradient() { state().gradient = Tensor(); }

void Parameter::accumulate(Tensor gradient) {
  const Tensor& value = state().value;
  check(gradient.shape() == value.shape() && gradient.dtype() == value.dtype(),
        "gradient: ", gradient, " given for the parameter ", value, " made at ", place());
  detail::accumulate(state().gradient, std::move(gradient));
  // Optimizers and clipping write gradients in place: nobody else may hold this one.
  if (!state().gradient.unique()) state().gradient = state().gradient.clone();
  if (!listed()) unlisted.push_back(state_);
}

const ParameterHints& Parameter::hints() const { return state().hints; }
ParameterHints& Parameter::mutable_hints() { return state().hints; }
bool Parameter::frozen() const { return state().frozen; }
void Parameter::freeze(bool frozen) { state().frozen = frozen; }
void Parameter::set_listed() { state().listed = true; }
bool Parameter::listed() const { return state().listed; }

std::string Parameter::place() const { return text_of(state().place); }

void check_all_listed() {
  const auto candidates = std::move(unlisted);
  unlisted.clear();
  for (const auto& candidate : candidates) {
    const auto state = candidate.lock();
    if (!state || state->listed) continue;
    fail("optimizer: the parameter ", state->value, " made at ", text_of(state->place),
         " received a gradient, but no optimizer has it; list it in its module's fields(), give it "
         "to the optimizer, or freeze() it");
  }
}

}  // namespace papilio
