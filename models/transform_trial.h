// One trial of learning a transform: what it tries, and its training rung by rung.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "papilio/models/transform_fit.h"
#include "papilio/optim/halving.h"

namespace papilio::models {

/// What all trials of one search share.
struct FitProblem {
  Tensor target;  ///< [out, in] c128, columns of norm about 1
  bool real;      ///< its imaginary part is 0, and the layer is to be real
  bool learned;   ///< permutations; else enumerated
  double loss;    ///< that ends a trial
  uint64_t seed;
  std::vector<FitModel> models;  ///< that compete
};

/// The models by the name that FactorizeOptions takes, with "auto" for all. Throws Error that lists
/// the names, and for real twiddles of a complex matrix.
std::vector<FitModel> fit_models(std::string_view name, int64_t in_features, int64_t out_features,
                                 bool real, bool single);

class TransformTrial : public optim::Trial {
 public:
  static constexpr int64_t kRungs = 6;

  /// Everything about it is a function of the problem and the number.
  TransformTrial(const FitProblem& problem, int64_t number);

  /// Rung 0: the permutations, if they are learned, and a tenth of the steps of Adam; 1 and 2: up
  /// to three tenths and all of them; 3 to 5: L-BFGS.
  double advance(const std::function<bool()>& stopped) override;

  std::unique_ptr<optim::Trial> clone() const override {
    return std::make_unique<TransformTrial>(*this);
  }

  const FitModel& model() const { return model_; }
  const std::vector<double>& twiddles() const { return x_; }
  const std::vector<std::vector<int64_t>>& permutations() const { return permutations_; }

 private:
  void learn_permutations(const std::function<bool()>& stopped);
  double adam(Misfit& misfit, int64_t last_step, const std::function<bool()>& stopped);
  double polish(Misfit& misfit, int64_t evaluations, const std::function<bool()>& stopped);

  const FitProblem& problem_;
  Rng rng_;
  FitModel model_;
  double rate_;
  bool shared_ = false;
  std::vector<double> x_, first_moment_, second_moment_;
  int64_t step_ = 0, rung_ = 0;
  std::vector<std::vector<int64_t>> permutations_;
};

}  // namespace papilio::models
