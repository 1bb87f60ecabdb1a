// Dropout: zeroes random elements in training.
#pragma once

#include <string>

#include "papilio/core/random.h"
#include "papilio/layers/module.h"

namespace papilio {

/// While a Tape records: zeroes each element with the given probability in [0, 1) and scales the
/// others by 1 / (1 - probability). Otherwise the identity. The mask is a function of the Rng and
/// of the buffer `calls` i64 [1], which counts the recorded calls and is saved, so that a resumed
/// run draws the same masks.
class Dropout : public Module {
 public:
  Dropout(double probability, Rng rng);

  Tensor forward(const Tensor& x) override;
  void fields(Fields& f) override { f("calls", calls_); }
  std::string describe() const override;

 private:
  double probability_;
  Rng rng_;
  Tensor calls_;
};

}  // namespace papilio
