#include "papilio/optim/optimizer.h"

namespace papilio::optim {
namespace {

using Parameters = std::vector<Parameter>;
using Made = std::unique_ptr<Optimizer>;

Made make_sgd(Parameters parameters, const Config& c) {
  c.expect_keys({"lr", "momentum", "dampening", "nesterov", "weight_decay"}, "sgd");
  const SgdOptions d;
  return std::make_unique<Sgd>(std::move(parameters),
                               SgdOptions{.lr = c.get("lr", d.lr),
                                          .momentum = c.get("momentum", d.momentum),
                                          .dampening = c.get("dampening", d.dampening),
                                          .nesterov = c.get("nesterov", d.nesterov),
                                          .weight_decay = c.get("weight_decay", d.weight_decay)});
}

template <class Kind, class Options>
Made make_adam(Parameters parameters, const Config& c) {
  c.expect_keys({"lr", "beta1", "beta2", "epsilon", "weight_decay"}, "adam and adamw");
  const Options d;
  return std::make_unique<Kind>(std::move(parameters),
                                Options{.lr = c.get("lr", d.lr),
                                        .beta1 = c.get("beta1", d.beta1),
                                        .beta2 = c.get("beta2", d.beta2),
                                        .epsilon = c.get("epsilon", d.epsilon),
                                        .weight_decay = c.get("weight_decay", d.weight_decay)});
}

Made make_rmsprop(Parameters parameters, const Config& c) {
  c.expect_keys({"lr", "alpha", "epsilon", "momentum", "weight_decay"}, "rmsprop");
  const RmsPropOptions d;
  return std::make_unique<RmsProp>(
      std::move(parameters), RmsPropOptions{.lr = c.get("lr", d.lr),
                                            .alpha = c.get("alpha", d.alpha),
                                            .epsilon = c.get("epsilon", d.epsilon),
                                            .momentum = c.get("momentum", d.momentum),
                                            .weight_decay = c.get("weight_decay", d.weight_decay)});
}

struct Row {
  std::string_view name;
  Made (*make)(Parameters, const Config&);
};

constexpr Row kOptimizers[] = {
    {"sgd", make_sgd},
    {"adam", make_adam<Adam, AdamOptions>},
    {"adamw", make_adam<AdamW, AdamWOptions>},
    {"rmsprop", make_rmsprop},
};

}  // namespace

std::vector<std::string> optimizer_names() {
  std::vector<std::string> names;
  for (const Row& row : kOptimizers) names.emplace_back(row.name);
  return names;
}

std::unique_ptr<Optimizer> make_optimizer(std::string_view name, Parameters parameters,
                                          const Config& options) {
  std::string valid;
  for (const Row& row : kOptimizers) {
    if (row.name == name) return row.make(std::move(parameters), options);
    valid += concat(valid.empty() ? "" : ", ", row.name);
  }
  fail("optimizer: '", name, "' is unknown; the valid names are ", valid);
}

}  // namespace papilio::optim
