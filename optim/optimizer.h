// Optimizers: what turns gradients into better parameters. The base class keeps the list, the rate
// and the state; the formulas are PyTorch's, to the order of their terms, with g the gradient, p
// the parameter, r the rate and t = 1, 2, ... the number of updates that this parameter has had.
// Long because it is the one list of optimizers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "papilio/core/config.h"
#include "papilio/core/parameter.h"

namespace papilio::optim {

/// What an optimizer is given to update one parameter. All tensors have the shape and dtype of the
/// value; a complex tensor is to be seen as twice as many real numbers.
struct ParameterUpdate {
  Tensor& value;
  const Tensor& gradient;
  std::span<Tensor> slots;  ///< its state, in the order of the slot names; zeros at first
  double rate;              ///< learning rate times the parameter's hints().learning_rate_scale
  bool decays;              ///< hints().weight_decay: false keeps weight decay away from it
  int64_t count;            ///< t of the formulas: 1 at its first update
};

/// Moves, but doesn't copy. A parameter that is listed twice is updated once. An optimizer of your
/// own derives from this and writes update(); the loops of the library's make one fused pass, with
/// bits that don't depend on the thread count.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// Updates every listed parameter that is not frozen and has a gradient, clears all gradients,
  /// counts the step, and throws Error when a parameter of this thread's tapes got a gradient but
  /// is in no optimizer's list.
  void step();

  double learning_rate() const { return learning_rate_; }
  /// The rate of the next steps, as a schedule gives it. Throws Error unless it is finite and >= 0.
  void set_learning_rate(double rate);
  /// Number of calls of step(), over restarts too when the state was restored.
  int64_t steps() const;
  const std::vector<Parameter>& parameters() const { return parameters_; }

  /// Visits every state tensor by name, always in the same order: "steps" i64 [1], "updates" i64
  /// [parameters] (a parameter without a gradient sits a step out), then "momentum.hidden.twiddle"
  /// and its like. Names and shapes are fixed at construction. Restoring is value.assign(saved);
  /// with the same rate the next steps then give the same bits.
  void for_each_state(const std::function<void(const std::string& name, Tensor& value)>& visit);

 protected:
  /// `slots` names the tensors kept for each parameter, such as {"momentum"}. Throws Error when the
  /// list is empty, a parameter is undefined or not floating, or the rate isn't a positive number.
  explicit Optimizer(std::vector<Parameter> parameters, double learning_rate,
                     std::vector<std::string> slots = {});
  Optimizer(Optimizer&&) = default;
  Optimizer& operator=(Optimizer&&) = default;

  virtual void update(const ParameterUpdate& update) = 0;

 private:
  std::vector<Parameter> parameters_;
  double learning_rate_;
  std::vector<std::string> slot_names_;
  std::vector<std::string> state_names_;    // of the parameters; unique
  std::vector<std::vector<Tensor>> slots_;  // [parameter][slot]
  Tensor steps_, updates_;
};

struct SgdOptions {
  double lr = 0.01;
  double momentum = 0;      ///< mu, in [0, 1)
  double dampening = 0;     ///< d, in [0, 1)
  bool nesterov = false;    ///< needs momentum, and no dampening
  double weight_decay = 0;  ///< w
};

/// Stochastic gradient descent. g += w p;  m = g at t = 1, then m = mu m + (1 - d) g;  p -= r m,
/// with Nesterov p -= r (g + mu m); without momentum p -= r g. State: "momentum" when mu > 0.
class Sgd : public Optimizer {
 public:
  explicit Sgd(std::vector<Parameter> parameters, const SgdOptions& options = {});

 private:
  void update(const ParameterUpdate& update) override;
  SgdOptions options_;
};

struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;  ///< in [0, 1)
  double epsilon = 1e-8;
  double weight_decay = 0;  ///< w
};

/// Kingma and Ba 2015, with weight decay in the gradient. g += w p;  m = b1 m + (1 - b1) g;  v = b2
/// v + (1 - b2) g^2; p -= r / (1 - b1^t) m / (sqrt(v) / sqrt(1 - b2^t) + epsilon). State:
/// "first_moment" m and "second_moment" v.
class Adam : public Optimizer {
 public:
  explicit Adam(std::vector<Parameter> parameters, const AdamOptions& options = {});

 private:
  void update(const ParameterUpdate& update) override;
  AdamOptions options_;
};

struct AdamWOptions {
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;
};

/// Loshchilov and Hutter 2019: Adam with the decay beside the gradient, p *= 1 - r w before the
/// step, g unchanged.
class AdamW : public Optimizer {
 public:
  explicit AdamW(std::vector<Parameter> parameters, const AdamWOptions& options = {});

 private:
  void update(const ParameterUpdate& update) override;
  AdamWOptions options_;
};

struct RmsPropOptions {
  double lr = 0.01;
  double alpha = 0.99;  ///< a, in [0, 1)
  double epsilon = 1e-8;
  double momentum = 0;      ///< mu, in [0, 1)
  double weight_decay = 0;  ///< w
};

/// g += w p;  v = a v + (1 - a) g^2;  m = mu m + g / (sqrt(v) + epsilon);  p -= r m. State:
/// "square_average" v, and "momentum" m when mu > 0.
class RmsProp : public Optimizer {
 public:
  explicit RmsProp(std::vector<Parameter> parameters, const RmsPropOptions& options = {});

 private:
  void update(const ParameterUpdate& update) override;
  RmsPropOptions options_;
};

/// "sgd", "adam", "adamw", "rmsprop".
std::vector<std::string> optimizer_names();
/// An optimizer by name; the keys of `options` are the members of its options struct, {"lr": 0.02,
/// "momentum": 0.9}. Throws Error that lists the valid ones for an unknown name or key.
std::unique_ptr<Optimizer> make_optimizer(std::string_view name, std::vector<Parameter> parameters,
                                          const Config& options = Config::object());

}  // namespace papilio::optim
