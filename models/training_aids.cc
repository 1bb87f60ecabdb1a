#include "papilio/models/training_aids.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "papilio/core/tape.h"

namespace papilio::models {
namespace {

// Of the gamma distribution of this shape and scale 1 (Marsaglia and Tsang 2000, "A Simple Method
// for Generating Gamma Variables").
double gamma(double shape, Rng key) {
  const double boost = shape < 1 ? std::pow(1 - key.split("boost").uniform(0), 1 / shape) : 1;
  const double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (uint64_t i = 0;; ++i) {
    const double x = key.split("normal").normal(i), u = 1 - key.split("uniform").uniform(i);
    const double t = 1 + c * x, v = t * t * t;
    if (t > 0 && std::log(u) < x * x / 2 + d - d * v + d * std::log(v)) return boost * d * v;
  }
}

double beta(double alpha, Rng key) {
  const double a = gamma(alpha, key.split("first")), b = gamma(alpha, key.split("second"));
  return a + b > 0 ? a / (a + b) : 0.5;
}

}  // namespace

MixedBatch mix_up(const Tensor& images, const Tensor& labels, double alpha, Rng key) {
  if (alpha == 0) return {images, labels};
  const int64_t count = labels.numel(), size = images.numel() / std::max<int64_t>(count, 1);
  const std::vector<int64_t> partner = key.split("partners").permutation(count);
  const double share = beta(alpha, key.split("share"));
  MixedBatch mixed{Tensor(images.shape()), labels, Tensor(labels.shape(), DType::i64), share};
  const auto first = static_cast<float>(share), second = static_cast<float>(1 - share);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t j = partner[static_cast<size_t>(i)];
    mixed.second.mutable_data<int64_t>()[i] = labels.data<int64_t>()[j];
    const float *a = images.data<float>() + i * size, *b = images.data<float>() + j * size;
    float* out = mixed.images.mutable_data<float>() + i * size;
    for (int64_t k = 0; k < size; ++k) out[k] = first * a[k] + second * b[k];
  }
  return mixed;
}

Tensor distillation_loss(const Tensor& logits, const Tensor& teacher, double temperature) {
  check(logits.shape() == teacher.shape() && logits.rank() == 2, "distillation: the logits are ",
        logits, " and the teacher's ", teacher, "; both must be [batch, classes]");
  Tensor targets;
  {
    const NoTape guard;
    targets = exp(log_softmax(scale(teacher, 1 / temperature)));
  }
  const Tensor products = mul(log_softmax(scale(logits, 1 / temperature)), targets);
  const auto rows = static_cast<double>(std::max<int64_t>(logits.dim(0), 1));
  return scale(sum(products), -temperature * temperature / rows);
}

WeightAverage::WeightAverage(std::vector<Parameter> parameters, double decay)
    : parameters_(std::move(parameters)), decay_(decay) {
  for (const Parameter& p : parameters_) averages_.push_back(p.value().clone());
}

void WeightAverage::update(int64_t step) {
  const double t = static_cast<double>(step), decay = std::min(decay_, (1 + t) / (10 + t));
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor& value = parameters_[i].value();
    dispatch_floating(value.dtype(), "average", [&]<class T>() {
      const auto rate = static_cast<real_type<T>>(1 - decay);
      const T* from = value.data<T>();
      T* to = averages_[i].mutable_data<T>();
      for (int64_t k = 0; k < value.numel(); ++k) to[k] += rate * (from[k] - to[k]);
    });
  }
}

void WeightAverage::swap() {
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor value = parameters_[i].value().clone();
    parameters_[i].mutable_value().assign(averages_[i]);
    averages_[i].assign(value);
  }
}

void WeightAverage::for_each_state(
    const std::function<void(const std::string& name, Tensor& value)>& visit) {
  for (size_t i = 0; i < parameters_.size(); ++i)
    visit("average." + parameters_[i].name(), averages_[i]);
}

}  // namespace papilio::models
