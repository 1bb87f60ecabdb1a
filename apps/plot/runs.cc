#include "papilio/apps/plot/runs.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "papilio/core/file.h"

namespace papilio::plot {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kLargestFile = int64_t{1} << 28;

bool is_run(const fs::path& folder) { return fs::exists(folder / "metrics.csv"); }

// Runs below `folder`. Those that wait for their first epoch are left out.
void collect(const fs::path& folder, int levels, std::vector<fs::path>& found) {
  std::vector<fs::path> inside;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_directory()) inside.push_back(entry.path());
  std::ranges::sort(inside);
  for (const fs::path& path : inside) {
    if (is_run(path))
      found.push_back(path);
    else if (levels > 1)
      collect(path, levels - 1, found);
  }
}

std::vector<fs::path> find_runs(const std::string& path) {
  check(fs::exists(path), "'", path, "' does not exist; a run folder is needed");
  check(fs::is_directory(path), "'", path, "' is a file; a run folder is needed");
  if (is_run(path)) return {path};
  std::vector<fs::path> found;
  collect(path, 2, found);
  if (found.empty() && fs::exists(fs::path(path) / "config.json"))
    fail("run '", path, "' has no metrics.csv yet: it has not finished its first epoch");
  check(!found.empty(), "'", path, "' is no run folder: neither it nor a folder in it has a ",
        "metrics.csv, as trainers write it to --out");
  return found;
}

std::vector<std::string> names(const std::vector<fs::path>& folders) {
  std::vector<fs::path> full;
  for (const fs::path& folder : folders) {
    full.push_back(fs::absolute(folder).lexically_normal());
    if (!full.back().has_filename()) full.back() = full.back().parent_path();  // "runs/a/"
  }
  fs::path common = full.front().parent_path();
  for (const fs::path& path : full)
    while (*path.parent_path().lexically_relative(common).begin() == "..")
      common = common.parent_path();
  std::vector<std::string> all;
  for (const fs::path& path : full) all.push_back(path.lexically_relative(common).string());
  return all;
}

}  // namespace

std::vector<Run> read_runs(const std::vector<std::string>& paths,
                           const std::vector<std::string>& labels) {
  std::vector<fs::path> folders;
  for (const std::string& path : paths) {
    const std::vector<fs::path> found = find_runs(path);
    folders.insert(folders.end(), found.begin(), found.end());
  }
  const std::vector<std::string> own = names(folders);
  if (!labels.empty() && labels.size() != own.size()) {
    std::string all;
    for (const std::string& name : own) all += (all.empty() ? "" : ", ") + name;
    fail("--label is given ", labels.size(), labels.size() == 1 ? " time" : " times", " for ",
         own.size(), own.size() == 1 ? " run: " : " runs: ", all);
  }
  std::vector<Run> runs;
  for (size_t i = 0; i < folders.size(); ++i) {
    const std::string file = (folders[i] / "metrics.csv").string();
    runs.push_back({folders[i].string(), labels.empty() ? own[i] : labels[i],
                    models::parse_metrics(read_file(file, kLargestFile), file)});
    check(!runs.back().metrics.columns.front().empty(), file, ": no epochs");
  }
  return runs;
}

std::vector<Curve> curves(const Run& run, const std::string& metric) {
  const models::MetricsTable& table = run.metrics;
  std::vector<Curve> found;
  const auto add = [&](const std::string& column) {
    if (const auto* values = table.find(column))
      found.push_back({column, table.columns.front(), *values});
  };
  add(metric);
  if (found.empty()) {
    add("train_" + metric);
    add("validation_" + metric);
  }
  if (found.empty()) {
    std::string all;
    for (const std::string& name : table.names) all += (all.empty() ? "" : ", ") + name;
    fail(run.folder, "/metrics.csv has no column '", metric, "', 'train_", metric,
         "' or 'validation_", metric, "'; it has ", all);
  }
  return found;
}

std::vector<double> smoothed(const std::vector<double>& values, double weight) {
  std::vector<double> all;
  double sum = 0, weights = 0;
  for (const double value : values) {
    if (std::isfinite(value)) {
      sum = weight * sum + value;
      weights = weight * weights + 1;
    }
    all.push_back(std::isfinite(value) ? sum / weights : value);
  }
  return all;
}

}  // namespace papilio::plot
