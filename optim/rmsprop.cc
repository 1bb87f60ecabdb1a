#include <cmath>

#include "papilio/optim/elementwise.h"
#include "papilio/optim/options.h"

namespace papilio::optim {
namespace {

std::vector<std::string> slots_of(const RmsPropOptions& options) {
  if (options.momentum != 0) return {"square_average", "momentum"};
  return {"square_average"};
}

}  // namespace

RmsProp::RmsProp(std::vector<Parameter> parameters, const RmsPropOptions& options)
    : Optimizer(std::move(parameters), options.lr, slots_of(options)), options_(options) {
  check_decay("rmsprop", "alpha", options.alpha);
  check_positive("rmsprop", "epsilon", options.epsilon);
  check_decay("rmsprop", "momentum", options.momentum);
  check_not_negative("rmsprop", "weight_decay", options.weight_decay);
}

void RmsProp::update(const ParameterUpdate& update) {
  const auto direction = [&]<class T>() {
    const T alpha = static_cast<T>(options_.alpha), rest = static_cast<T>(1 - options_.alpha);
    const T epsilon = static_cast<T>(options_.epsilon);
    const T decay = static_cast<T>(update.decays ? options_.weight_decay : 0);
    return [=](T p, T g, T& v) {
      g += decay * p;
      v = alpha * v + rest * g * g;
      return g / (std::sqrt(v) + epsilon);
    };
  };
  if (options_.momentum == 0) {
    update_elements<1>(update, "rmsprop", [&]<class T>() {
      const T rate = static_cast<T>(update.rate);
      return
          [=, d = direction.template operator()<T>()](T& p, T g, T& v) { p -= rate * d(p, g, v); };
    });
    return;
  }
  update_elements<2>(update, "rmsprop", [&]<class T>() {
    const T rate = static_cast<T>(update.rate), mu = static_cast<T>(options_.momentum);
    return [=, d = direction.template operator()<T>()](T& p, T g, T& v, T& m) {
      m = mu * m + d(p, g, v);
      p -= rate * m;
    };
  });
}

}  // namespace papilio::optim
