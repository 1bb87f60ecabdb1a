#include "papilio/core/kernels/sgd.h"

#include "papilio/optim/elementwise.h"
#include "papilio/optim/options.h"

namespace papilio::optim {
namespace {

std::vector<std::string> slots_of(const SgdOptions& options) {
  if (options.momentum != 0) return {"momentum"};
  return {};
}

}  // namespace

Sgd::Sgd(std::vector<Parameter> parameters, const SgdOptions& options)
    : Optimizer(std::move(parameters), options.lr, slots_of(options)), options_(options) {
  check_decay("sgd", "momentum", options.momentum);
  check_decay("sgd", "dampening", options.dampening);
  check_not_negative("sgd", "weight_decay", options.weight_decay);
  check(!options.nesterov || (options.momentum > 0 && options.dampening == 0),
        "sgd: nesterov with momentum = ", options.momentum, " and dampening = ", options.dampening,
        "; it needs momentum > 0 and dampening = 0");
}

void Sgd::update(const ParameterUpdate& update) {
  const double weight_decay = update.decays ? options_.weight_decay : 0;
  if (options_.momentum == 0) {
    update_elements<0>(update, "sgd", [&]<class T>() {
      const T rate = static_cast<T>(update.rate), decay = static_cast<T>(weight_decay);
      return [=](T& p, T g) { p -= rate * (g + decay * p); };
    });
    return;
  }
  const kernels::SgdStep step{.rate = update.rate,
                              .decay = weight_decay,
                              .mu = options_.momentum,
                              .take = update.count == 1 ? 1 : 1 - options_.dampening,
                              .nesterov = options_.nesterov};
  dispatch_real(real_of(update.value.dtype()), "sgd", [&]<class T>() {
    kernels::sgd_step<T>(step, real_count(update.value), mutable_reals<T>(update.value),
                         reals<T>(update.gradient), mutable_reals<T>(update.slots[0]));
  });
}

}  // namespace papilio::optim
