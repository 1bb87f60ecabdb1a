#include "papilio/apps/compression_table/rows.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "papilio/core/error.h"
#include "papilio/layers/factory.h"

namespace papilio::compression_table {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

struct Known {
  const char *method, *hidden, *title;
  Match match;
  std::array<double, 3> accuracy;  // bg-rot, noise, cifar10
};

constexpr std::array<double, 3> kUnknown = {kNone, kNone, kNone};
constexpr Known kRows[] = {
    {"dense", "dense", "unstructured", Match::none, {44.08, 65.15, 46.03}},
    {"bpbp-complex", "bpbp-complex", "BPBP, complex", Match::none, {46.26, 77.00, 49.93}},
    {"bpbp", "bpbp", "BPBP, real", Match::none, {46.16, 75.00, 48.69}},
    {"kmatrix", "kmatrix", "K-matrix BB*", Match::none, kUnknown},
    {"kmatrix-orthogonal", "kmatrix-orthogonal", "K-matrix, orthogonal", Match::none, kUnknown},
    {"ldr-td", "ldr-td", "LDR-TD (r = 1)", Match::none, {45.81, 78.45, 45.33}},
    {"ldr-sd", "ldr-sd", "LDR-SD (r = 3)", Match::none, kUnknown},
    {"toeplitz-like", "toeplitz-like", "Toeplitz-like (r = 4)", Match::none, {42.67, 75.75, 41.78}},
    {"fastfood", "fastfood", "Fastfood, adaptive", Match::none, {38.13, 63.55, 39.64}},
    {"circulant", "circulant", "circulant", Match::none, {34.46, 65.35, 34.28}},
    {"low-rank", "low-rank", "low-rank (r = 4)", Match::none, {35.67, 52.25, 32.28}},
    {"monarch", "monarch", "Monarch (32 blocks)", Match::none, kUnknown},
    {"dense-parameters", "dense", "dense, as few numbers", Match::parameters, kUnknown},
    {"dense-latency", "dense", "dense, as fast", Match::latency, kUnknown},
};

}  // namespace

std::vector<std::string> all_methods() {
  std::vector<std::string> names;
  for (const Known& row : kRows) names.emplace_back(row.method);
  return names;
}

Row row_named(const std::string& method) {
  for (const Known& row : kRows)
    if (method == row.method) return {row.method, row.hidden, row.title, row.match};
  const std::vector<std::string_view> layers = hidden_names();
  const std::string layer = method.substr(0, method.find(':'));
  if (std::find(layers.begin(), layers.end(), layer) != layers.end())
    return {method, method, method, Match::none};
  std::string names;
  for (const std::string& known : all_methods()) names += (names.empty() ? "" : ", ") + known;
  fail("--rows: there is no row '", method, "'; the rows are ", names,
       ", and any hidden layer of train_mlp");
}

std::optional<double> published_accuracy(const std::string& method, const std::string& data) {
  const auto has = [&](const char* word) { return data.find(word) != std::string::npos; };
  const bool digits = (has(":mnist:") || data.starts_with("amat:")) && !has("fashion");
  const int column = digits && (data.starts_with("bg-rot") || has("rotation")) ? 0
                     : digits && has("noise")                                  ? 1
                     : data.starts_with("cifar10:")                            ? 2
                                                                               : -1;
  if (column < 0) return {};
  for (const Known& row : kRows)
    if (method == row.method && !std::isnan(row.accuracy[static_cast<size_t>(column)]))
      return row.accuracy[static_cast<size_t>(column)];
  return {};
}

int64_t network_parameters(int64_t hidden_parameters, int64_t width, int64_t classes) {
  return hidden_parameters + width + width * classes + classes;
}

int64_t width_of_parameters(int64_t parameters, int64_t classes) {
  const double width =
      static_cast<double>(parameters - classes) / static_cast<double>(kFeatures + 1 + classes);
  return std::max<int64_t>(1, std::llround(width));
}

double compression(int64_t hidden_parameters, int64_t width, int64_t classes) {
  if (hidden_parameters == kFeatures * kFeatures) return 1;  // the paper leaves its softmax out
  return static_cast<double>(kFeatures * kFeatures) /
         static_cast<double>(hidden_parameters + width * classes + classes);
}

}  // namespace papilio::compression_table
