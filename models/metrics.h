// What a training run measures, epoch by epoch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "papilio/core/config.h"
#include "papilio/core/tensor.h"

namespace papilio::models {

/// Index of the largest entry of each row of x [rows, columns] (f32 or f64); the first of equals.
std::vector<int64_t> argmax_rows(const Tensor& x);

struct EpochMetrics {
  int64_t epoch = 0;                          ///< from 1
  int64_t step = 0;                           ///< optimizer steps done at its end
  double learning_rate = 0;                   ///< of its last step
  double train_loss = 0, train_accuracy = 0;  ///< means over the epoch's batches as they were seen
  double validation_loss = 0, validation_accuracy = 0;
};

/// The history as CSV text with a header line; numbers read back as the same bits.
std::string to_csv(const std::vector<EpochMetrics>& history);

/// What a metrics.csv holds, column by column: those of to_csv(), and whatever else it names.
struct MetricsTable {
  std::vector<std::string> names;            ///< "epoch" is the first
  std::vector<std::vector<double>> columns;  ///< one for each name, equally long

  /// Null when there is no column of that name.
  const std::vector<double>* find(std::string_view name) const;
};

/// Strict, since a wrong number would be taken for a result: a line of different names, "epoch"
/// first, then lines with one number for each, all ended by a newline; epochs are positive integers
/// and rise. Numbers may be inf and nan. Throws Error that begins with `file` and the line.
MetricsTable parse_metrics(std::string_view csv, const std::string& file);

Config to_config(const EpochMetrics& metrics);
EpochMetrics epoch_metrics(const Config& config);

}  // namespace papilio::models
