#include "papilio/models/metrics.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

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

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> fields;
  for (size_t comma; (comma = line.find(',')) != line.npos; line.remove_prefix(comma + 1))
    fields.push_back(line.substr(0, comma));
  fields.push_back(line);
  return fields;
}

// Foreign bytes for a message: the beginning, without control characters.
std::string quoted(std::string_view field) {
  std::string shown(field.substr(0, 40));
  for (char& c : shown)
    if (c < ' ' || c > '~') c = '?';
  return "'" + shown + (field.size() > shown.size() ? "...'" : "'");
}

std::vector<std::string> parse_names(std::string_view line, const std::string& where) {
  std::vector<std::string> names;
  std::set<std::string_view> seen;
  for (const std::string_view name : split(line)) {
    const bool plain = !name.empty() && std::ranges::all_of(name, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    });
    check(plain, where, "a column is named ", quoted(name),
          "; letters, digits and '_' are expected, as in the metrics.csv of a run");
    check(seen.insert(name).second, where, "two columns are named ", quoted(name));
    names.emplace_back(name);
  }
  check(names.front() == "epoch", where, "the first column is ", quoted(names.front()),
        ", 'epoch' is expected, as in the metrics.csv of a run");
  return names;
}

double parse_number(std::string_view field, const std::string& where) {
  double value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  check(error == std::errc() && end == field.data() + field.size(), where, quoted(field),
        " is not a number");
  return value;
}

void parse_row(std::string_view line, const std::string& where, MetricsTable& table) {
  const std::vector<std::string_view> fields = split(line);
  check(fields.size() == table.names.size(), where, fields.size(),
        fields.size() == 1 ? " number" : " numbers", " for ", table.names.size(), " columns");
  for (size_t i = 0; i < fields.size(); ++i)
    table.columns[i].push_back(parse_number(fields[i], concat(where, table.names[i], ": ")));
  const std::vector<double>& epochs = table.columns.front();
  const double epoch = epochs.back();
  check(epoch >= 1 && epoch <= 1e15 && epoch == std::floor(epoch), where, "epoch is ", epoch,
        ", a positive integer is expected");
  if (epochs.size() > 1)
    check(epoch > epochs[epochs.size() - 2], where, "epoch ", epoch, " follows epoch ",
          epochs[epochs.size() - 2], "; they must rise");
}

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

const std::vector<double>* MetricsTable::find(std::string_view name) const {
  const auto found = std::ranges::find(names, name);
  return found == names.end() ? nullptr : &columns[static_cast<size_t>(found - names.begin())];
}

MetricsTable parse_metrics(std::string_view csv, const std::string& file) {
  MetricsTable table;
  for (int64_t number = 1; number == 1 || !csv.empty(); ++number) {
    const std::string where = concat(file, ":", number, ": ");
    const size_t length = csv.find('\n');
    check(length != csv.npos, where,
          csv.empty() ? "the file is empty" : "the line does not end: the file was cut off");
    const std::string_view line = csv.substr(0, length);
    if (number == 1) {
      table.names = parse_names(line, where);
      table.columns.resize(table.names.size());
    } else {
      parse_row(line, where, table);
    }
    csv.remove_prefix(length + 1);
  }
  return table;
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
