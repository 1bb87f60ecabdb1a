#include "papilio/models/evaluate.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iomanip>
#include <limits>
#include <ostream>

#include "papilio/data/loader.h"
#include "papilio/models/compressed_mlp.h"
#include "papilio/models/metrics.h"
#include "papilio/models/registry.h"

namespace papilio::models {
namespace {

constexpr int64_t kBatch = 256;

using Clock = std::chrono::steady_clock;

double seconds_of(const std::function<void()>& body) {
  const auto start = Clock::now();
  body();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Median over as many runs as fit into `budget` seconds, at least 5.
double median_seconds(const std::function<void()>& body, double budget) {
  for (int i = 0; i < 3; ++i) body();
  std::vector<double> times;
  for (double total = 0; total < budget || times.size() < 5; total += times.back())
    times.push_back(seconds_of(body));
  const auto middle = times.begin() + static_cast<int64_t>(times.size()) / 2;
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

Shape batched(int64_t batch, const Shape& example) {
  Shape shape = {batch};
  for (const int64_t size : example) shape = shape.append(size);
  return shape;
}

Report describe(Module& model) {
  Report report;
  report.model = model.describe();
  report.parameters = model.parameter_count();
  if (auto* mlp = dynamic_cast<CompressedMlp*>(&model)) {
    report.hidden_parameters = mlp->hidden_parameters();
    report.compression = mlp->compression();
  }
  return report;
}

template <class T>
Config or_null(const std::optional<T>& value) {
  return value ? Config(*value) : Config();
}

}  // namespace

Score score(Module& model, const data::AnyDataset& dataset,
            const std::function<void(const Tensor&)>& each_logits) {
  const NoTape guard;
  Score total;
  std::vector<int64_t> correct, seen;
  const data::Loader loader(dataset, {.batch = kBatch});
  for (const auto& [images, labels] : loader.epoch(0)) {
    const Tensor logits = model(images);
    check(logits.rank() == 2 && logits.dim(0) == labels.numel(), "evaluate: ", model.describe(),
          " gave ", logits, " for ", labels.numel(),
          " images, expected one row of logits for each");
    total.loss += cross_entropy(logits, labels).item() * static_cast<double>(labels.numel());
    total.images += labels.numel();
    correct.resize(std::max(correct.size(), static_cast<size_t>(logits.dim(1))));
    seen.resize(correct.size());
    const std::vector<int64_t> guesses = argmax_rows(logits);
    for (int64_t i = 0; i < labels.numel(); ++i) {
      const auto label = static_cast<size_t>(labels.data<int64_t>()[i]);
      ++seen[label];
      correct[label] += guesses[static_cast<size_t>(i)] == labels.data<int64_t>()[i];
    }
    if (each_logits) each_logits(logits);
  }
  check(total.images > 0, "evaluate: the data set is empty");
  total.loss /= static_cast<double>(total.images);
  int64_t right = 0;
  for (size_t label = 0; label < seen.size(); ++label) {
    right += correct[label];
    total.class_accuracy.push_back(seen[label] == 0 ? std::numeric_limits<double>::quiet_NaN()
                                                    : static_cast<double>(correct[label]) /
                                                          static_cast<double>(seen[label]));
  }
  total.accuracy = static_cast<double>(right) / static_cast<double>(total.images);
  return total;
}

Speed measure_speed(Module& model, const Shape& example) {
  const NoTape guard;
  const Tensor one = rand_uniform(batched(1, example), 0, 1, Rng(1));
  const Tensor many = rand_uniform(batched(kBatch, example), 0, 1, Rng(2));
  return {.latency_us = 1e6 * median_seconds([&] { model(one); }, 0.3),
          .images_per_second = kBatch / median_seconds([&] { model(many); }, 0.6)};
}

Report evaluate(Module& model, const data::AnyDataset& dataset,
                const std::function<void(const Tensor&)>& each_logits) {
  Report report = describe(model);
  report.data = dataset.info().name;
  report.classes = dataset.info().classes;
  report.score = score(model, dataset, each_logits);
  report.speed = measure_speed(model, dataset.get(0).image.shape());
  return report;
}

Report evaluate_speed(Module& model, const Shape& example) {
  Report report = describe(model);
  if (example.rank() > 0) report.speed = measure_speed(model, example);
  return report;
}

Shape example_shape(const Checkpoint& checkpoint) {
  if (const Config& input = checkpoint.input; input.is_object() && input.contains("height"))
    return {input.at("height").as_int(), input.at("width").as_int(), input.at("channels").as_int()};
  if (checkpoint.config.is_object() && checkpoint.config.contains("inputs"))
    return {checkpoint.config.at("inputs").as_int()};
  return {};
}

Config Report::to_config() const {
  Config config = {{"model", model}, {"data", data.empty() ? Config() : Config(data)}};
  config["images"] = score ? Config(score->images) : Config();
  config["accuracy"] = score ? Config(score->accuracy) : Config();
  config["loss"] = score ? Config(score->loss) : Config();
  config["class_accuracy"] = Config();
  if (score) {
    Config by_class = Config::object();
    for (size_t i = 0; i < score->class_accuracy.size(); ++i)
      by_class[i < classes.size() ? classes[i] : std::to_string(i)] = score->class_accuracy[i];
    config["class_accuracy"] = by_class;
  }
  config["parameters"] = parameters;
  config["hidden_parameters"] = or_null(hidden_parameters);
  config["compression"] = or_null(compression);
  config["latency_us"] = speed ? Config(speed->latency_us) : Config();
  config["images_per_second"] = speed ? Config(speed->images_per_second) : Config();
  return config;
}

std::ostream& operator<<(std::ostream& out, const Report& report) {
  const auto row = [&](std::string_view name) -> std::ostream& {
    return out << std::left << std::setw(20) << name;
  };
  const auto flags = out.flags();
  out << std::fixed;
  row("model") << report.model << '\n';
  if (report.score) {
    row("data") << report.data << ", " << report.score->images << " images\n";
    row("accuracy") << std::setprecision(4) << report.score->accuracy << '\n';
    row("loss") << std::setprecision(4) << report.score->loss << '\n';
    for (size_t i = 0; i < report.score->class_accuracy.size(); ++i)
      row("  " + (i < report.classes.size() ? report.classes[i] : "class " + std::to_string(i)))
          << report.score->class_accuracy[i] << '\n';
  }
  row("parameters") << report.parameters << '\n';
  if (report.hidden_parameters) row("hidden parameters") << *report.hidden_parameters << '\n';
  if (report.compression)
    row("compression") << std::setprecision(1) << *report.compression << "x\n";
  if (report.speed) {
    row("latency, batch 1") << std::setprecision(1) << report.speed->latency_us << " us\n";
    row("speed, batch 256") << std::setprecision(0) << report.speed->images_per_second
                            << " images/s";
  }
  out.flags(flags);
  return out;
}

}  // namespace papilio::models
