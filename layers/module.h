// Module: the base of every layer and network.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "papilio/core/config.h"
#include "papilio/core/ops.h"
#include "papilio/layers/fields.h"

namespace papilio {

/// What one call costs, and what a dense layer between the same features would.
struct Cost {
  int64_t flops = 0;  ///< of the whole call; a multiply-add is 2, a complex one 8
  /// Real numbers of the dense equivalent, with the same bias; 0 = there is none.
  int64_t dense_parameters = 0;
  int64_t dense_flops = 0;
};

/// A module has plain members, a forward(), and fields() that lists the members; there is nothing
/// to register. Modules move, but don't copy. Inference on one module from several threads is safe.
class Module {
 public:
  virtual ~Module() = default;

  /// forward(x). An Error that passes through gets the path of the layer that it comes from.
  Tensor operator()(const Tensor& x);
  /// Lists the members by name.
  virtual void fields(Fields& /*f*/) {}

  /// The type with its sizes, "Butterfly(1024, 1024)"; a short name for people.
  virtual std::string describe() const { return "Module"; }
  /// Cost of forward() on an input of that shape, of this module's own work alone: its children
  /// count themselves.
  virtual Cost cost(const Shape& /*input*/) const { return {}; }
  /// What the factory of a registered model needs to make this module again; empty by default.
  virtual Config config() const { return {}; }
  /// What one example must look like, {"height": 32, "width": 32, "channels": 1, "grayscale":
  /// true}; travels in checkpoints, so that a file alone is enough to classify a picture. Empty:
  /// unknown.
  virtual Config input() const { return {}; }

  /// The trained parameters in the order of fields(), each once, and each named with its path.
  std::vector<Parameter> parameters();
  /// Real numbers in the parameters: a complex one counts two.
  int64_t parameter_count();
  /// Makes parameters constants, for tapes and optimizers, and fixes the statistics of batch norm;
  /// of all modules below too.
  void freeze();
  bool frozen() const { return frozen_; }

  virtual Tensor forward(const Tensor& x) = 0;

 protected:
  Module() = default;
  Module(Module&&) = default;
  Module& operator=(Module&&) = default;

  /// What operator() does around forward(): modules with another form of forward() call it there.
  Tensor call(const Tensor& x, const std::function<Tensor()>& body);

 private:
  bool frozen_ = false;
};

/// Real numbers in a tensor.
inline int64_t real_count(const Tensor& t) { return t.numel() * (is_complex(t.dtype()) ? 2 : 1); }

/// Sees every call of a module on this thread while it lives, after it returned: describe() and
/// profilers.
class CallObserver {
 public:
  using Callback = std::function<void(Module& module, const Tensor& input, const Tensor& output)>;
  explicit CallObserver(Callback callback);
  ~CallObserver();
  CallObserver(const CallObserver&) = delete;
  CallObserver& operator=(const CallObserver&) = delete;
  /// True while one lives on this thread: layers that could run as one then run one by one.
  static bool watching();

 private:
  friend class Module;
  Callback callback_;
  CallObserver* outer_;
};

/// No tape records here and nobody watches: layers may run as others that give the same.
bool plain_inference();

}  // namespace papilio
