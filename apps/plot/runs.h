// The runs that the command line names, and their curves.
#pragma once

#include <string>
#include <vector>

#include "papilio/models/metrics.h"

namespace papilio::plot {

struct Run {
  std::string folder, label;
  models::MetricsTable metrics;
};

/// Each path stands for the run in that folder, or else for the runs in its sub-folders, up to two
/// levels down and in the order of their names. `labels` are their names, one for each run; without
/// any, a run is named by its path from the folder that holds them all. Throws Error that names the
/// folder, or the file and line.
std::vector<Run> read_runs(const std::vector<std::string>& paths,
                           const std::vector<std::string>& labels);

struct Curve {
  std::string column;
  std::vector<double> epochs, values;
};

/// The column named `metric`; where there is none, the columns "train_" + metric and "validation_"
/// + metric in this order. Throws Error that lists the columns when there is none of these.
std::vector<Curve> curves(const Run& run, const std::string& metric);

/// Exponential moving average: each value weighs `weight` times as much as the next one, all
/// together 1. What is not finite stays so and does not count.
std::vector<double> smoothed(const std::vector<double>& values, double weight);

}  // namespace papilio::plot
