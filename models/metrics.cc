#include "papilio/models/metrics.h"

#include <algorithm>

namespace papilio::models {
namespace {

struct Column {
  const char* name;
  double EpochMetrics::*value;
};
// After the two integer columns epoch and step.
constexpr Column kColumns[] = {
    {"learning_rate", &EpochMetrics::learning_rate},
    {"train_loss", &EpochMetrics::train_loss},
    {"train_accuracy", &EpochMetrics::train_accuracy},
    {"validation_loss", &EpochMetrics::validation_loss},
    {"validation_accuracy", &EpochMetrics::validation_accuracy},
};

}  // namespace

std::vector<int64_t> argmax_rows(const Tensor& x) {
  std::vector<int64_t> best;
  dispatch_real(x.dtype(), "argmax_rows", [&]<class T>() {
    const int64_t columns = x.dim(-1);
    for (const T* row = x.data<T>(); row != x.data<T>() + x.numel(); row += columns)
      best.push_back(std::max_element(row, row + columns) - row);
  });
  return best;
}

std::string to_csv(const std::vector<EpochMetrics>& history) {
  std::string csv = "epoch,step";
  for (const Column& column : kColumns) csv += concat(",", column.name);
  csv += '\n';
  for (const EpochMetrics& metrics : history) {
    csv += concat(metrics.epoch, ",", metrics.step);
    for (const Column& column : kColumns) csv += concat(",", metrics.*column.value);
    csv += '\n';
  }
  return csv;
}

Config to_config(const EpochMetrics& metrics) {
  Config config = {{"epoch", metrics.epoch}, {"step", metrics.step}};
  for (const Column& column : kColumns) config[column.name] = metrics.*column.value;
  return config;
}

EpochMetrics epoch_metrics(const Config& config) {
  EpochMetrics metrics{.epoch = config.at("epoch").as_int(), .step = config.at("step").as_int()};
  for (const Column& column : kColumns) metrics.*column.value = config.at(column.name).as_double();
  return metrics;
}

}  // namespace papilio::models
