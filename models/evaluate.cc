#include "papilio/models/evaluate.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iomanip>
#include <limits>
#include <numeric>
#include <ostream>

#include "papilio/data/loader.h"
#include "papilio/models/compressed_mlp.h"
#include "papilio/models/metrics.h"
#include "papilio/models/registry.h"

namespace papilio::models {
namespace {

// 256 images of up to 64 x 64 pixels in colour, fewer of larger ones: their activations would fill
// the memory.
int64_t batch_of(const Shape& example) { return example.numel() <= 64 * 64 * 3 ? 256 : 32; }

Shape example_of(const data::AnyDataset& dataset) {
  return dataset.image_shape().value_or(dataset.get(0).image.shape());
}

using Clock = std::chrono::steady_clock;

double seconds_of(const std::function<void()>& body) {
  const auto start = Clock::now();
  body();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Median over as many runs as fit into `budget` seconds, at least `least`.
double median_seconds(const std::function<void()>& body, double budget, size_t least) {
  std::vector<double> times;
  for (double total = 0; total < budget || times.size() < least; total += times.back())
    times.push_back(seconds_of(body));
  const auto middle = times.begin() + static_cast<int64_t>(times.size()) / 2;
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

// After three runs that pack weights and warm caches.
double warm_median_seconds(const std::function<void()>& body, double budget) {
  for (int i = 0; i < 3; ++i) body();
  return median_seconds(body, budget, 5);
}

// Of a call of each on random numbers, measured for about `budget` seconds each.
std::vector<double> seconds_in_turn(const std::vector<Module*>& models, const Shape& shape,
                                    double budget) {
  constexpr int kRounds = 15;
  const NoTape guard;
  const Tensor x = rand_uniform(shape, 0, 1, Rng(1));
  const auto median = [&](Module* model) {
    return median_seconds([&] { (*model)(x); }, budget / kRounds, 1);
  };
  for (Module* model : models) median(model);  // packs weights, warms caches
  std::vector<double> best(models.size(), std::numeric_limits<double>::infinity());
  for (int round = 0; round < kRounds; ++round)
    for (size_t i = 0; i < models.size(); ++i) best[i] = std::min(best[i], median(models[i]));
  return best;
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

void count_confusion(const Tensor& logits, const Tensor& labels, Tensor& confusion) {
  const int64_t classes = logits.dim(1);
  const std::vector<int64_t> guesses = argmax_rows(logits);
  auto* counts = confusion.mutable_data<int64_t>();
  for (int64_t i = 0; i < labels.numel(); ++i)
    ++counts[labels.data<int64_t>()[i] * classes + guesses[static_cast<size_t>(i)]];
}

// Rows in which fewer than `most` logits come before the label's; of equal ones, the first comes
// first.
int64_t count_among(const Tensor& logits, const Tensor& labels, int64_t most) {
  int64_t count = 0;
  dispatch_real(logits.dtype(), "evaluate", [&]<class T>() {
    const int64_t classes = logits.dim(1);
    for (int64_t i = 0; i < labels.numel(); ++i) {
      const T* row = logits.data<T>() + i * classes;
      const int64_t label = labels.data<int64_t>()[i];
      int64_t before = 0;
      for (int64_t c = 0; c < classes; ++c)
        before += row[c] > row[label] || (row[c] == row[label] && c < label);
      count += before < most;
    }
  });
  return count;
}

template <class T>
Config or_null(const std::optional<T>& value) {
  return value ? Config(*value) : Config();
}

Config rows_of(const Tensor& matrix) {
  Config rows = Config::Array{};
  const int64_t columns = matrix.dim(1);
  for (int64_t i = 0; i < matrix.dim(0); ++i) {
    Config row = Config::Array{};
    for (int64_t j = 0; j < columns; ++j) row.push_back(matrix.data<int64_t>()[i * columns + j]);
    rows.push_back(row);
  }
  return rows;
}

}  // namespace

Score score(Module& model, const data::AnyDataset& dataset,
            const std::function<void(const Tensor&)>& each_logits) {
  const NoTape guard;
  check(dataset.size() > 0, "evaluate: the data set is empty");
  Score total;
  const data::Loader loader(dataset, {.batch = batch_of(example_of(dataset))});
  int64_t among_five = 0;
  for (const auto& [images, labels] : loader.epoch(0)) {
    const Tensor logits = model(images);
    check(logits.rank() == 2 && logits.dim(0) == labels.numel(), "evaluate: ", model.describe(),
          " gave ", logits, " for ", labels.numel(),
          " images, expected one row of logits for each");
    total.loss += cross_entropy(logits, labels).item() * static_cast<double>(labels.numel());
    total.images += labels.numel();
    if (!total.confusion.defined())
      total.confusion = Tensor::zeros({logits.dim(1), logits.dim(1)}, DType::i64);
    count_confusion(logits, labels, total.confusion);
    among_five += count_among(logits, labels, 5);
    if (each_logits) each_logits(logits);
  }
  const auto images = static_cast<double>(total.images);
  total.loss /= images;
  total.top5 = static_cast<double>(among_five) / images;
  const int64_t classes = total.confusion.dim(0);
  int64_t right = 0;
  for (int64_t label = 0; label < classes; ++label) {
    const int64_t* row = total.confusion.data<int64_t>() + label * classes;
    const int64_t seen = std::accumulate(row, row + classes, int64_t{0});
    right += row[label];
    total.class_accuracy.push_back(seen == 0 ? std::numeric_limits<double>::quiet_NaN()
                                             : static_cast<double>(row[label]) /
                                                   static_cast<double>(seen));
  }
  total.accuracy = static_cast<double>(right) / images;
  return total;
}

double measure_latency_us(Module& model, const Shape& example, double seconds) {
  const NoTape guard;
  const Tensor one = rand_uniform(batched(1, example), 0, 1, Rng(1));
  return 1e6 * warm_median_seconds([&] { model(one); }, seconds);
}

Speed measure_speed(Module& model, const Shape& example) {
  const NoTape guard;
  const int64_t batch = batch_of(example);
  const Tensor many = rand_uniform(batched(batch, example), 0, 1, Rng(2));
  return {.latency_us = measure_latency_us(model, example),
          .images_per_second =
              static_cast<double>(batch) / warm_median_seconds([&] { model(many); }, 0.6),
          .batch = batch};
}

std::vector<double> measure_latencies_us(const std::vector<Module*>& models, const Shape& example,
                                         double seconds) {
  std::vector<double> times = seconds_in_turn(models, batched(1, example), seconds);
  for (double& time : times) time *= 1e6;
  return times;
}

std::vector<Speed> measure_speeds(const std::vector<Module*>& models, const Shape& example) {
  const int64_t batch = batch_of(example);
  const std::vector<double> one = measure_latencies_us(models, example),
                            many = seconds_in_turn(models, batched(batch, example), 0.45);
  std::vector<Speed> speeds;
  for (size_t i = 0; i < models.size(); ++i)
    speeds.push_back({one[i], static_cast<double>(batch) / many[i], batch});
  return speeds;
}

Report evaluate(Module& model, const data::AnyDataset& dataset,
                const std::function<void(const Tensor&)>& each_logits) {
  Report report = describe(model);
  report.data = dataset.info().name;
  report.classes = dataset.info().classes;
  report.score = score(model, dataset, each_logits);
  report.speed = measure_speed(model, example_of(dataset));
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
  if (checkpoint.config.is_object() && checkpoint.config.contains("layer"))
    return {checkpoint.config.at("in").as_int()};  // a structured layer by itself
  return {};
}

Config Report::to_config() const {
  Config config = {{"model", model}, {"data", data.empty() ? Config() : Config(data)}};
  config["images"] = score ? Config(score->images) : Config();
  config["accuracy"] = score ? Config(score->accuracy) : Config();
  config["top5"] = score ? Config(score->top5) : Config();
  config["loss"] = score ? Config(score->loss) : Config();
  config["class_accuracy"] = Config();
  if (score) {
    Config by_class = Config::object();
    for (size_t i = 0; i < score->class_accuracy.size(); ++i)
      by_class[i < classes.size() ? classes[i] : std::to_string(i)] = score->class_accuracy[i];
    config["class_accuracy"] = by_class;
  }
  config["confusion"] = score ? rows_of(score->confusion) : Config();
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
    if (report.score->confusion.dim(0) > 5)
      row("top-5 accuracy") << std::setprecision(4) << report.score->top5 << '\n';
    row("loss") << std::setprecision(4) << report.score->loss << '\n';
    for (size_t i = 0; i < report.score->class_accuracy.size(); ++i)
      out << "  " << report.score->class_accuracy[i] << "  "
          << (i < report.classes.size() ? report.classes[i] : "class " + std::to_string(i)) << '\n';
  }
  row("parameters") << report.parameters << '\n';
  if (report.hidden_parameters) row("hidden parameters") << *report.hidden_parameters << '\n';
  if (report.compression)
    row("compression") << std::setprecision(1) << *report.compression << "x\n";
  if (report.speed) {
    row("latency, batch 1") << std::setprecision(1) << report.speed->latency_us << " us\n";
    row(concat("speed, batch ", report.speed->batch))
        << std::setprecision(0) << report.speed->images_per_second << " images/s";
  }
  out.flags(flags);
  return out;
}

}  // namespace papilio::models
