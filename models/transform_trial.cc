#include "papilio/models/transform_trial.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "papilio/layers/twiddle.h"
#include "papilio/optim/lbfgs.h"

namespace papilio::models {
namespace {

// Adam is past its transients after 1,000 steps, whatever n: the rate is what counts (3,000 for
// chains of several butterflies). The permutation is decided long before.
constexpr int64_t kSteps = 1000, kChainSteps = 3000, kSoftSteps = 300;
constexpr int64_t kPolish[] = {400, 3000, 10000};  // evaluations
// Minima are singular, where several sets of twiddles meet: there 100 pairs take a tenth of the
// steps that 20 take.
constexpr int64_t kHistory = 100;
constexpr double kLowRate = 0.02, kHighRate = 0.15, kLogitRates = 4;
constexpr int64_t kSoftColumns = 64;
constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-12;

// One step of Adam, as optim::Adam makes it, with the rate of each number.
template <class Rate>
void adam_step(std::vector<double>& x, const std::vector<double>& gradient,
               std::vector<double>& first, std::vector<double>& second, int64_t count,
               const Rate& rate) {
  const double bias1 = 1 - std::pow(kBeta1, count), bias2 = 1 - std::pow(kBeta2, count);
  for (size_t i = 0; i < x.size(); ++i) {
    first[i] += (1 - kBeta1) * (gradient[i] - first[i]);
    second[i] += (1 - kBeta2) * (gradient[i] * gradient[i] - second[i]);
    x[i] -= rate(i) / bias1 * first[i] / (std::sqrt(second[i] / bias2) + kEpsilon);
  }
}

double cosine(int64_t step, int64_t steps) {
  return 0.5 *
         (1 + std::cos(std::numbers::pi * static_cast<double>(step) / static_cast<double>(steps)));
}

int64_t steps_of(const FitModel& model) {
  return model.stages.size() == 1 && model.stages.front().nblocks == 1 ? kSteps : kChainSteps;
}

int64_t number_in(std::string_view text) {
  int64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9' || number > 1000) return 0;
    number = 10 * number + (c - '0');
  }
  return number;
}

struct Parsed {
  std::string_view base;
  int64_t width = 1, expansion = 1;
  bool complex = true, tied;
};

Parsed parsed(std::string_view name) {
  const auto bad = [&] {
    fail("model '", name,
         "'; the models are auto, bp, bpp, bpbp, bb, kmatrix, with the endings -real, -complex, "
         "-tied, -untied, and for kmatrix -w2 and -e2 or other numbers");
  };
  Parsed parsed;
  size_t end = std::min(name.find('-'), name.size());
  parsed.base = name.substr(0, end);
  parsed.tied = parsed.base == "bp" || parsed.base == "bpp" || parsed.base == "bpbp";
  if (!parsed.tied && parsed.base != "bb" && parsed.base != "kmatrix") bad();
  while (end < name.size()) {
    const size_t begin = end + 1;
    end = std::min(name.find('-', begin), name.size());
    const std::string_view ending = name.substr(begin, end - begin);
    if (ending == "real" || ending == "complex") {
      parsed.complex = ending == "complex";
    } else if (ending == "tied" || ending == "untied") {
      parsed.tied = ending == "tied";
    } else {
      const int64_t number = ending.empty() ? 0 : number_in(ending.substr(1));
      if (parsed.base != "kmatrix" || number < 1 || number > 64) bad();
      if (ending[0] != 'w' && ending[0] != 'e') bad();
      (ending[0] == 'w' ? parsed.width : parsed.expansion) = number;
    }
  }
  check(butterfly_size(parsed.expansion) == parsed.expansion, "model '", name, "': expansion ",
        parsed.expansion, "; a power of two is needed");
  return parsed;
}

}  // namespace

std::vector<FitModel> fit_models(std::string_view name, int64_t in_features, int64_t out_features,
                                 bool real, bool single) {
  if (name == "auto") {
    std::vector<FitModel> all;
    for (const char* one : {"bp", "bpp", "bpbp"})
      for (FitModel& model : fit_models(one, in_features, out_features, real, single))
        all.push_back(std::move(model));
    return all;
  }
  const Parsed form = parsed(name);
  check(form.complex || real, "model '", name, "' has real twiddles, but the matrix is complex");
  FitModel model;
  model.n =
      std::max<int64_t>(2, form.expansion * butterfly_size(std::max(in_features, out_features)));
  model.complex = form.complex;
  model.tied = form.tied;
  model.single = single;
  if (form.base == "bp" || form.base == "bpp" || form.base == "bpbp")
    model.stages.push_back({.permuted = true, .whole_first = form.base == "bpp"});
  else
    model.stages.push_back({.nblocks = 2 * form.width, .increasing_stride = false});
  if (form.base == "bpbp") model.stages.push_back(model.stages.front());
  if (!real || !model.complex) return {model};
  // What needs the second permutation, as the cosine transforms, is a real part.
  FitModel real_part = model;
  real_part.real_part = true;
  if (form.base == "bpp") return {real_part};
  return {model, real_part};
}

TransformTrial::TransformTrial(const FitProblem& problem, int64_t number)
    : problem_(problem),
      rng_(Rng(problem.seed).split("trial").split(static_cast<uint64_t>(number))) {
  const auto pick = [&](const char* what, int64_t count) {
    return rng_.split(what).below(count, 0);
  };
  // The models in turn, so that few trials have tried all of them.
  model_ = problem.models[static_cast<size_t>(number % std::ssize(problem.models))];
  rate_ = kLowRate * std::pow(kHighRate / kLowRate, rng_.split("rate").uniform(0));
  shared_ = pick("shared", 4) > 0;
  x_ = model_.initial(rng_.split("initial"));

  // The candidates in turn as well, in an order that is random by the seed.
  int64_t turn = number / std::ssize(problem.models);
  for (const FitStage& stage : model_.stages) {
    permutations_.emplace_back();
    if (!stage.permuted || problem.learned) continue;
    const PermutationChoices choices = model_.choices(stage, true);
    const auto candidates = choices.candidates();
    const auto count = std::ssize(candidates);
    const auto order =
        Rng(problem.seed).split("candidates").split(permutations_.size()).permutation(count);
    permutations_.back() =
        choices.index(candidates[static_cast<size_t>(order[static_cast<size_t>(turn % count)])]);
    turn /= count;
  }
}

void TransformTrial::learn_permutations(const std::function<bool()>& stopped) {
  const int64_t twiddles = model_.twiddle_count(), logits = model_.logit_count(shared_);
  if (logits == 0) return;
  const auto misfit =
      soft_misfit(model_, problem_.target, shared_, kSoftColumns, rng_.split("columns"));
  std::vector<double> x = x_;
  for (int64_t i = 0; i < logits; ++i)
    x.push_back(rng_.split("logits").normal(static_cast<uint64_t>(i)));
  std::vector<double> gradient(x.size()), first(x.size()), second(x.size());
  for (int64_t step = 0; step < kSoftSteps && !stopped(); ++step) {
    (*misfit)(x, gradient);
    const double rate = rate_ * cosine(step, kSoftSteps);
    adam_step(x, gradient, first, second, step + 1, [&](size_t i) {
      return static_cast<int64_t>(i) < twiddles ? rate : kLogitRates * rate;
    });
  }
  const double* next = x.data() + twiddles;
  for (size_t s = 0; s < model_.stages.size(); ++s) {
    if (!model_.stages[s].permuted) continue;
    const PermutationChoices choices = model_.choices(model_.stages[s], shared_);
    permutations_[s] = choices.index(choices.rounded(next));
    next += choices.count();
  }
  x_.assign(x.begin(), x.begin() + twiddles);
}

double TransformTrial::adam(Misfit& misfit, int64_t last_step,
                            const std::function<bool()>& stopped) {
  std::vector<double> gradient(x_.size());
  first_moment_.resize(x_.size());
  second_moment_.resize(x_.size());
  const int64_t steps = steps_of(model_);
  while (step_ < last_step && !stopped()) {
    const double loss = misfit(x_, gradient);
    if (loss <= problem_.loss || !std::isfinite(loss)) return loss;
    const double rate = rate_ * cosine(step_++, steps);
    adam_step(x_, gradient, first_moment_, second_moment_, step_, [&](size_t) { return rate; });
  }
  return misfit(x_, gradient);
}

double TransformTrial::polish(Misfit& misfit, int64_t evaluations,
                              const std::function<bool()>& stopped) {
  first_moment_ = second_moment_ = {};  // not needed any more
  optim::Lbfgs lbfgs([&](auto x, auto gradient) { return misfit(x, gradient); }, x_,
                     {.history = kHistory});
  while (lbfgs.evaluations() < evaluations && lbfgs.value() > problem_.loss && !stopped())
    if (!lbfgs.step()) break;
  x_ = lbfgs.x();
  return lbfgs.value();
}

double TransformTrial::advance(const std::function<bool()>& stopped) {
  const int64_t rung = rung_++;
  if (rung == 0 && problem_.learned) learn_permutations(stopped);
  const auto misfit = hard_misfit(model_, problem_.target, permutations_);
  const int64_t steps = steps_of(model_);
  const int64_t ends[] = {steps / 10, 3 * steps / 10, steps};
  if (rung < 3) return adam(*misfit, ends[rung], stopped);
  return polish(*misfit, kPolish[rung - 3], stopped);
}

}  // namespace papilio::models
