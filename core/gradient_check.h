// Is the gradient of my op or layer right? Compares what backward() gives with central differences,
// in float64.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "papilio/core/parameter.h"
#include "papilio/core/tensor.h"

namespace papilio {

struct GradientCheckOptions {
  double step = 1e-6;       ///< of the central difference
  double tolerance = 1e-6;  ///< of |analytic - numeric| / max(1, |analytic|, |numeric|)
  /// Entries of each input that are varied, spread evenly; both parts when complex.
  int64_t max_entries = 64;
};

struct GradientCheckReport {
  bool ok = true;
  double worst = 0;     ///< the largest relative difference
  std::string message;  ///< where the worst is and both values; empty when ok
};

/// Checks d<seed, f(inputs)>/d(inputs) for a fixed random seed gradient of f's output, also that
/// gradients add over two backward passes and that f leaves its inputs alone. Inputs are f64 or
/// c128; f is deterministic.
GradientCheckReport check_gradient(const std::function<Tensor(std::span<const Tensor>)>& f,
                                   std::span<const Tensor> inputs,
                                   const GradientCheckOptions& options = {});

/// The same with respect to parameters that `f` uses, such as a layer's.
GradientCheckReport check_parameter_gradient(const std::function<Tensor()>& f,
                                             std::span<const Parameter> parameters,
                                             const GradientCheckOptions& options = {});

}  // namespace papilio
