// Long because options, budget and choice are one search.
#include "papilio/models/compress.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <numeric>
#include <optional>

#include "papilio/core/log.h"
#include "papilio/models/evaluate.h"

namespace papilio::models {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
// Classes without a closed form cost seconds a fit: of each, this many of the largest sizes that
// the budget allows are tried.
constexpr size_t kFits = 2;
constexpr double kLatencySeconds = 0.05, kReportSeconds = 0.15;

struct Option {
  std::string name;  // of make_class(); "dense" leaves the layer as it is
  int64_t parameters = 0;
  double latency_us = 0;
  double error = kUnknown;
  std::unique_ptr<StructuredLinear> layer = nullptr;  // once it is fitted

  bool is(std::string_view kind) const { return name.substr(0, name.find(':')) == kind; }
};

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

// One dense layer and what may take its place.
class Candidate {
 public:
  Candidate(const LayerInputs& inputs, const CompressOptions& options)
      : inputs_(inputs), options_(options), projector_(inputs) {
    all_.push_back({.name = "dense", .parameters = inputs.layer->parameter_count(), .error = 0});
    if (wanted("low-rank")) add_low_rank();
    for (const char* kind : {"monarch", "butterfly", "kmatrix"})
      if (wanted(kind)) add_sizes(kind);
  }

  std::vector<Option>& options() { return all_; }
  Option& dense() { return all_.front(); }
  const LayerInputs& inputs() const { return inputs_; }

  void measure_latency() {
    dense().latency_us = measure_latency_us(*inputs_.layer, inputs_.example, kLatencySeconds);
    // Between ranks the time is nearly a line: every one in seven is measured.
    thin_out_ranks();
    for (Option& option : all_) {
      options_.projection.watch();
      if (option.name != "dense")
        option.latency_us =
            measure_latency_us(*make(option.name), inputs_.example, kLatencySeconds);
    }
  }

  void fit(Option& option) {
    if (option.layer || option.name == "dense") return;
    options_.projection.watch();
    const auto start = std::chrono::steady_clock::now();
    Projection projection = projector_.project(option.name, options_.projection);
    option.layer = std::move(projection.layer), option.error = projection.error;
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    logging::info(concat(inputs_.path, ": ", option.name, ", ", option.parameters,
                         " parameters, error ", fixed(option.error, 4), " (",
                         fixed(seconds.count(), 1), " s)"));
  }

  // The least of a number of the options.
  template <class Number>
  double least(Number number) const {
    double result = std::numeric_limits<double>::infinity();
    for (const Option& option : all_)
      result = std::min(result, static_cast<double>(std::invoke(number, option)));
    return result;
  }

 private:
  bool wanted(std::string_view kind) const { return options_.to == "auto" || options_.to == kind; }
  std::unique_ptr<StructuredLinear> make(const std::string& name) const {
    return make_class(name, inputs_.layer->in_features(), inputs_.layer->out_features(), Rng(0));
  }

  void add_low_rank() {
    const int64_t in = inputs_.layer->in_features(), out = inputs_.layer->out_features();
    const std::vector<double> errors = projector_.low_rank_errors();
    for (int64_t rank = 1; rank < static_cast<int64_t>(errors.size()); ++rank) {
      const int64_t parameters = rank * (in + out) + out;
      if (parameters >= dense().parameters) break;
      all_.push_back({.name = concat("low-rank:", rank),
                      .parameters = parameters,
                      .error = errors[static_cast<size_t>(rank)]});
    }
  }

  // Blocks of Monarch, blocks of a butterfly or widths of a K-matrix: powers of two.
  void add_sizes(std::string_view kind) {
    const int64_t most = std::max(inputs_.layer->in_features(), inputs_.layer->out_features());
    for (int64_t size = kind == "monarch" ? 2 : 1; size <= 32; size *= 2) {
      if (kind == "monarch" ? size * size > most : size > 8) break;
      const std::string name = concat(kind, ":", size);
      const int64_t parameters = make(name)->parameter_count();
      if (parameters < dense().parameters) all_.push_back({.name = name, .parameters = parameters});
    }
  }

  void thin_out_ranks() {
    int64_t next = 1, rank = 0;
    std::erase_if(all_, [&](const Option& option) {
      if (!option.is("low-rank") || ++rank < next) return option.is("low-rank");
      next = rank + std::max<int64_t>(1, rank / 7);
      return false;
    });
  }

  LayerInputs inputs_;
  const CompressOptions& options_;
  Projector projector_;
  std::vector<Option> all_;
};

using Candidates = std::vector<std::unique_ptr<Candidate>>;

// By its cost, parameters or microseconds: fits what the rest of the budget leaves room for, and
// chooses.
std::vector<Option*> choose_within(Candidates& layers, double Option::*cost_us, double limit) {
  const auto cost = [&](const Option& option) {
    return cost_us ? option.*cost_us : static_cast<double>(option.parameters);
  };
  double least = 0;
  for (const auto& layer : layers) least += layer->least(cost);
  std::vector<std::vector<Option*>> open;
  std::vector<std::vector<LayerOption>> costs;
  for (const auto& layer : layers) {
    const double room = limit - (least - layer->least(cost));
    std::map<std::string, std::vector<Option*>> to_fit;
    open.emplace_back();
    for (Option& option : layer->options()) {
      if (cost(option) > room) continue;
      if (std::isnan(option.error))
        to_fit[option.name.substr(0, option.name.find(':'))].push_back(&option);
      else
        open.back().push_back(&option);
    }
    for (auto& [kind, options] : to_fit) {
      std::ranges::sort(options, std::greater(), [&](const Option* o) { return cost(*o); });
      // The largest that fit beside the others' least, and the least itself, which always fits.
      if (options.size() > kFits) options.erase(options.begin() + kFits, options.end() - 1);
      for (Option* option : options) layer->fit(*option), open.back().push_back(option);
    }
    costs.emplace_back();
    for (const Option* option : open.back()) costs.back().push_back({cost(*option), option->error});
  }
  const auto chosen = choose(costs, limit);
  std::vector<Option*> result;
  for (size_t i = 0; chosen && i < layers.size(); ++i) result.push_back(open[i][(*chosen)[i]]);
  return result;
}

std::vector<Option*> choose_parameters(Candidates& layers, Module& model, const Budget& budget) {
  const auto total = static_cast<double>(model.parameter_count());
  double dense = 0, least = 0;
  for (const auto& layer : layers) {
    dense += static_cast<double>(layer->dense().parameters);
    least += layer->least(&Option::parameters);
  }
  const double rest = total - dense;
  check(rest + least <= budget.limit * total, "the budget ", text(budget), " can't be met: of ",
        model.parameter_count(), " parameters ", static_cast<int64_t>(rest),
        " are not in dense layers, and these need at least ", static_cast<int64_t>(least),
        "; the least is params=", fixed(100 * (rest + least) / total + 0.05, 1), "%");
  return choose_within(layers, nullptr, budget.limit * total - rest);
}

std::vector<Option*> choose_latency(Candidates& layers, double latency_us, const Budget& budget) {
  double dense = 0, least = 0;
  for (const auto& layer : layers) {
    layer->measure_latency();
    dense += layer->dense().latency_us, least += layer->least(&Option::latency_us);
  }
  const double rest = std::max(latency_us - dense, 0.0), total = rest + dense;
  check(rest + least <= budget.limit * total, "the budget ", text(budget), " can't be met: of ",
        fixed(total, 1), " us the dense layers take ", fixed(dense, 1),
        ", and their replacements at least ", fixed(least, 1),
        "; the least is about latency=", fixed(100 * (rest + least) / total + 0.5, 0), "%");
  return choose_within(layers, &Option::latency_us, budget.limit * total - rest);
}

// The one with the fewest parameters whose error is small enough, the dense one if need be, and
// what came nearest.
std::pair<Option*, std::string> smallest_within(Candidate& layer, const Budget& budget) {
  std::vector<Option*> options;
  for (Option& option : layer.options())
    if (option.name != "dense") options.push_back(&option);
  std::ranges::stable_sort(options, {}, &Option::parameters);
  Option* nearest = nullptr;
  for (Option* option : options) {
    if (std::isnan(option->error)) layer.fit(*option);
    if (option->error <= budget.limit) return {option, ""};
    if (!nearest || option->error < nearest->error) nearest = option;
  }
  return {&layer.dense(), nearest
                              ? concat("nearest is ", nearest->name, " with ", nearest->parameters,
                                       " parameters and error ", fixed(nearest->error, 4))
                              : "no replacement has fewer parameters"};
}

std::vector<Option*> choose_error(Candidates& layers, const Budget& budget,
                                  std::vector<std::string>& notes) {
  std::vector<Option*> chosen;
  std::string reasons;
  for (const auto& layer : layers) {
    auto [option, note] = smallest_within(*layer, budget);
    chosen.push_back(option);
    reasons += concat("\n  ", layer->inputs().path, ": ", note);
    notes.push_back(std::move(note));
  }
  const bool any = std::ranges::any_of(chosen, [](const Option* o) { return o->name != "dense"; });
  check(any, "the budget ", text(budget),
        " can't be met by anything smaller than the dense layers:", reasons);
  return chosen;
}

Candidates candidates(Module& model, const data::AnyDataset& train,
                      const CompressOptions& options) {
  const auto& watch = options.projection.watch;
  Candidates all;
  std::string replaced;
  for (const auto& [path, layer] : linear_layers(model))
    if (layer->replacement()) replaced += concat(replaced.empty() ? "" : ", ", path);
  const bool any = std::ranges::any_of(
      linear_layers(model), [](const auto& entry) { return !entry.second->replacement(); });
  if (any)
    for (const LayerInputs& inputs :
         measure_inputs(model, train, options.images, options.projection.seed, watch)) {
      watch();
      if (inputs.rows > 0) all.push_back(std::make_unique<Candidate>(inputs, options));
    }
  check(!all.empty(), "the model ", model.describe(), " has no dense layer",
        replaced.empty() ? "" : concat(" left; compressed are ", replaced),
        "; compress takes networks with Linear layers");
  return all;
}

CompressedLayer replace(Candidate& candidate, Option& option) {
  Linear& layer = *candidate.inputs().layer;
  CompressedLayer row{.path = candidate.inputs().path,
                      .method = option.name,
                      .before = layer.describe(),
                      .after = layer.describe(),
                      .parameters_before = layer.parameter_count(),
                      .parameters_after = option.parameters,
                      .error = option.error,
                      .note = {}};
  if (option.name == "dense") {
    row.latency_us_before = row.latency_us_after =
        measure_latency_us(layer, candidate.inputs().example, kReportSeconds);
    return row;
  }
  candidate.fit(option);
  row.error = option.error;
  const std::vector<double> times = measure_latencies_us(
      {&layer, option.layer.get()}, candidate.inputs().example, kReportSeconds);
  row.latency_us_before = times[0], row.latency_us_after = times[1];
  layer.replace(std::move(option.layer));
  row.after = layer.describe();
  return row;
}

}  // namespace

std::vector<std::string> compress_classes() {
  return {"auto", "low-rank", "monarch", "butterfly", "kmatrix"};
}

std::vector<CompressedLayer> compress(Module& model, const data::AnyDataset& train,
                                      const CompressOptions& options) {
  check(std::ranges::count(compress_classes(), options.to) > 0, "compress: unknown class '",
        options.to, "'; the classes are auto, low-rank, monarch, butterfly, kmatrix");
  Candidates layers = candidates(model, train, options);
  std::vector<std::string> notes;
  std::vector<Option*> chosen;
  if (options.budget.kind == Budget::Kind::error) {
    chosen = choose_error(layers, options.budget, notes);
  } else if (options.budget.kind == Budget::Kind::parameters) {
    chosen = choose_parameters(layers, model, options.budget);
  } else {
    const double latency = measure_latency_us(model, train.get(0).image.shape());
    chosen = choose_latency(layers, latency, options.budget);
  }
  check(!chosen.empty(), "compress: no choice fits the budget ", text(options.budget));
  std::vector<CompressedLayer> rows;
  for (size_t i = 0; i < layers.size(); ++i) {
    options.projection.watch();
    rows.push_back(replace(*layers[i], *chosen[i]));
    if (i < notes.size()) rows.back().note = notes[i];
    if (rows.back().method == "dense" && rows.back().note.empty())
      rows.back().note = layers[i]->options().size() == 1 ? "no replacement has fewer parameters"
                                                          : "the budget leaves room for it";
  }
  return rows;
}

}  // namespace papilio::models
