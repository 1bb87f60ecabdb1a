#include "papilio/optim/optimizer.h"

#include <algorithm>
#include <unordered_set>

#include "papilio/optim/options.h"

namespace papilio::optim {
namespace {

std::vector<Parameter> without_repeats(std::vector<Parameter> parameters) {
  std::unordered_set<const void*> seen;
  std::erase_if(parameters, [&](const Parameter& p) {
    return p.defined() && !seen.insert(p.identity()).second;
  });
  return parameters;
}

// The parameters' own names; where one is empty or taken, its position makes it unique.
std::vector<std::string> unique_names(const std::vector<Parameter>& parameters) {
  std::unordered_set<std::string> taken;
  std::vector<std::string> names;
  for (size_t i = 0; i < parameters.size(); ++i) {
    std::string name = parameters[i].name();
    while (name.empty() || taken.contains(name)) name += concat("#", i);
    taken.insert(name);
    names.push_back(std::move(name));
  }
  return names;
}

bool alike(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype();
}

}  // namespace

Optimizer::Optimizer(std::vector<Parameter> parameters, double learning_rate,
                     std::vector<std::string> slots)
    : parameters_(without_repeats(std::move(parameters))),
      learning_rate_(learning_rate),
      slot_names_(std::move(slots)) {
  check_positive("optimizer", "the learning rate", learning_rate);
  check(!parameters_.empty(),
        "optimizer: the list of parameters is empty; give it model.parameters() of a model whose "
        "fields() lists its members");
  for (size_t i = 0; i < parameters_.size(); ++i) {
    check(parameters_[i].defined(), "optimizer: parameter ", i, " of the list is undefined");
    const Tensor& value = parameters_[i].value();
    check(value.dtype() != DType::i64, "optimizer: the parameter '", parameters_[i].name(), "' ",
          value, " is not floating; f32, f64, c64 and c128 can be trained");
  }
  state_names_ = unique_names(parameters_);
  for (Parameter& p : parameters_) {
    p.set_listed();
    auto& own = slots_.emplace_back();
    for (size_t s = 0; s < slot_names_.size(); ++s)
      own.push_back(Tensor::zeros(p.value().shape(), p.value().dtype()));
  }
  steps_ = Tensor::zeros({1}, DType::i64);
  updates_ = Tensor::zeros({static_cast<int64_t>(parameters_.size())}, DType::i64);
}

void Optimizer::set_learning_rate(double rate) {
  check_not_negative("optimizer", "the learning rate", rate);
  learning_rate_ = rate;
}

int64_t Optimizer::steps() const { return *steps_.data<int64_t>(); }

void Optimizer::step() {
  int64_t* counts = updates_.mutable_data<int64_t>();
  for (size_t i = 0; i < parameters_.size(); ++i) {
    Parameter& p = parameters_[i];
    if (const Tensor gradient = p.gradient(); gradient.defined() && !p.frozen()) {
      const auto fits = [&](const Tensor& t) { return alike(t, p.value()); };
      check(fits(gradient) && std::ranges::all_of(slots_[i], fits), "optimizer: the parameter '",
            p.name(), "' is ", p.value(), ", which differs from its gradient ", gradient,
            " or from when the optimizer was made");
      const double scale = p.hints().learning_rate_scale;
      check_not_negative(concat("optimizer: the parameter '", p.name(), "'"), "learning_rate_scale",
                         scale);
      update({.value = p.mutable_value(),
              .gradient = gradient,
              .slots = slots_[i],
              .rate = learning_rate_ * scale,
              .decays = p.hints().weight_decay,
              .count = ++counts[i]});
    }
    p.clear_gradient();
  }
  ++*steps_.mutable_data<int64_t>();
  check_all_listed();
}

void Optimizer::for_each_state(
    const std::function<void(const std::string& name, Tensor& value)>& visit) {
  visit("steps", steps_);
  visit("updates", updates_);
  for (size_t s = 0; s < slot_names_.size(); ++s)
    for (size_t i = 0; i < slots_.size(); ++i)
      visit(slot_names_[s] + "." + state_names_[i], slots_[i][s]);
}

}  // namespace papilio::optim
