// What fit() may do beside plain cross-entropy: MixUp, a teacher, an average of the weights.
// Internal to models/.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "papilio/core/ops.h"
#include "papilio/core/parameter.h"

namespace papilio::models {

/// A batch of images mixed with one another: image i is `share` of image i and 1 - share of
/// another one, with the label second[i].
struct MixedBatch {
  Tensor images, labels;  ///< labels of the first ones
  Tensor second = {};     ///< undefined when nothing is mixed
  double share = 1;
};

/// Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization": one share for the batch, of the
/// distribution Beta(alpha, alpha), and partners by a random permutation, both functions of the
/// key. alpha = 0 leaves the batch alone.
MixedBatch mix_up(const Tensor& images, const Tensor& labels, double alpha, Rng key);

/// Hinton et al. 2015: temperature^2 times the mean cross-entropy of softmax(logits / temperature)
/// with softmax(teacher / temperature); no gradient to the teacher. Logits [batch, classes].
Tensor distillation_loss(const Tensor& logits, const Tensor& teacher, double temperature);

/// An exponential moving average of parameters: a += (1 - d) (p - a) after every step, where d is
/// the smaller of `decay` and (1 + t) / (10 + t) at step t = 1, 2, ...: the first steps count less.
class WeightAverage {
 public:
  WeightAverage(std::vector<Parameter> parameters, double decay);

  /// `step` counts from 1.
  void update(int64_t step);
  /// Exchanges the averages and the parameters' values.
  void swap();
  /// "average.NAME" for every parameter, as Optimizer::for_each_state().
  void for_each_state(const std::function<void(const std::string& name, Tensor& value)>& visit);

 private:
  std::vector<Parameter> parameters_;
  std::vector<Tensor> averages_;
  double decay_;
};

}  // namespace papilio::models
