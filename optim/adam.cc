#include <cmath>

#include "papilio/optim/elementwise.h"
#include "papilio/optim/options.h"

namespace papilio::optim {
namespace {

void check_options(std::string_view name, const AdamOptions& options) {
  check_decay(name, "beta1", options.beta1);
  check_decay(name, "beta2", options.beta2);
  check_positive(name, "epsilon", options.epsilon);
  check_not_negative(name, "weight_decay", options.weight_decay);
}

// `coupled` decay is added to the gradient, `decoupled` decay shrinks the parameter.
void update_adam(const ParameterUpdate& update, const AdamOptions& options, double coupled,
                 double decoupled) {
  const double t = static_cast<double>(update.count);
  update_elements<2>(update, "adam", [&]<class T>() {
    const T beta1 = static_cast<T>(options.beta1), rest1 = static_cast<T>(1 - options.beta1);
    const T beta2 = static_cast<T>(options.beta2), rest2 = static_cast<T>(1 - options.beta2);
    const T size = static_cast<T>(update.rate / (1 - std::pow(options.beta1, t)));
    const T root = static_cast<T>(std::sqrt(1 - std::pow(options.beta2, t)));
    const T epsilon = static_cast<T>(options.epsilon), decay = static_cast<T>(coupled);
    const T keep = static_cast<T>(1 - update.rate * decoupled);
    return [=](T& p, T g, T& m, T& v) {
      g += decay * p;
      m = beta1 * m + rest1 * g;
      v = beta2 * v + rest2 * g * g;
      p = keep * p - size * (m / (std::sqrt(v) / root + epsilon));
    };
  });
}

AdamOptions same(const AdamWOptions& o) {
  return {.lr = o.lr,
          .beta1 = o.beta1,
          .beta2 = o.beta2,
          .epsilon = o.epsilon,
          .weight_decay = o.weight_decay};
}

}  // namespace

Adam::Adam(std::vector<Parameter> parameters, const AdamOptions& options)
    : Optimizer(std::move(parameters), options.lr, {"first_moment", "second_moment"}),
      options_(options) {
  check_options("adam", options);
}

void Adam::update(const ParameterUpdate& update) {
  update_adam(update, options_, update.decays ? options_.weight_decay : 0, 0);
}

AdamW::AdamW(std::vector<Parameter> parameters, const AdamWOptions& options)
    : Optimizer(std::move(parameters), options.lr, {"first_moment", "second_moment"}),
      options_(options) {
  check_options("adamw", same(options));
}

void AdamW::update(const ParameterUpdate& update) {
  update_adam(update, same(options_), 0, update.decays ? options_.weight_decay : 0);
}

}  // namespace papilio::optim
