#include "papilio/apps/compress/report.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iomanip>
#include <ostream>

#include "papilio/models/interrupt.h"

namespace papilio::apps {
namespace {

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

// The keys of compression_table's rows; one run has no spread.
Config config_of(const State& state, const std::string& method, double compression) {
  return {{"method", method},
          {"accuracy", state.score.accuracy},
          {"spread", Config()},
          {"loss", state.score.loss},
          {"parameters", state.parameters},
          {"compression", compression},
          {"bytes", state.bytes},
          {"latency_us", state.speed.latency_us},
          {"images_per_second", state.speed.images_per_second}};
}

double points_lost(const Compression& c) {
  return 100 * (c.before.score.accuracy - c.after.score.accuracy);
}

double compression_of(const Compression& c) {
  return static_cast<double>(c.before.parameters) / static_cast<double>(c.after.parameters);
}

using Table = std::vector<std::vector<std::string>>;

void print(std::ostream& out, const Table& table) {
  std::vector<size_t> widths;
  for (const auto& line : table)
    for (size_t i = 0; i < line.size(); ++i) {
      widths.resize(std::max(widths.size(), i + 1));
      widths[i] = std::max(widths[i], line[i].size());
    }
  for (const auto& line : table) {
    for (size_t i = 0; i < line.size(); ++i)
      out << (i == 0 ? "" : "  ") << (i == 0 ? std::left : std::right)
          << std::setw(static_cast<int>(widths[i])) << line[i];
    out << '\n';
  }
}

}  // namespace

models::Score score(Module& model, const data::AnyDataset& dataset) {
  return models::score(model, dataset, [](const Tensor&) { models::Interrupt::watch(); });
}

State state_of(Module& model, const std::string& file, const data::AnyDataset& test) {
  return {score(model, test), model.parameter_count(),
          static_cast<int64_t>(std::filesystem::file_size(file))};
}

Config to_config(const std::vector<models::CompressedLayer>& layers) {
  Config rows = Config::Array{};
  for (const models::CompressedLayer& layer : layers)
    rows.push_back({{"layer", layer.path},
                    {"method", layer.method},
                    {"error", layer.error},
                    {"parameters", layer.parameters_after},
                    {"latency_us", layer.latency_us_after},
                    {"images_per_second", 1e6 / std::max(layer.latency_us_after, 1e-3)},
                    {"accuracy", Config()},
                    {"spread", Config()},
                    {"compression", static_cast<double>(layer.parameters_before) /
                                        static_cast<double>(layer.parameters_after)},
                    {"before",
                     {{"type", layer.before},
                      {"parameters", layer.parameters_before},
                      {"latency_us", layer.latency_us_before}}},
                    {"after",
                     {{"type", layer.after},
                      {"parameters", layer.parameters_after},
                      {"latency_us", layer.latency_us_after}}},
                    {"note", layer.note}});
  return rows;
}

std::vector<models::CompressedLayer> layers_of(const Config& config) {
  std::vector<models::CompressedLayer> layers;
  for (const Config& row : config.as_array()) {
    const Config &before = row.at("before"), &after = row.at("after");
    layers.push_back({.path = row.at("layer").as_string(),
                      .method = row.at("method").as_string(),
                      .before = before.at("type").as_string(),
                      .after = after.at("type").as_string(),
                      .parameters_before = before.at("parameters").as_int(),
                      .parameters_after = after.at("parameters").as_int(),
                      .error = row.at("error").as_double(),
                      .latency_us_before = before.at("latency_us").as_double(),
                      .latency_us_after = after.at("latency_us").as_double(),
                      .note = row.at("note").as_string()});
  }
  return layers;
}

Config to_config(const Compression& c) {
  std::string methods;
  for (const models::CompressedLayer& layer : c.layers)
    methods += (methods.empty() ? "" : ", ") + layer.method;
  return {{"budget", text(c.budget)},
          {"before", config_of(c.before, "original", 1)},
          {"after", config_of(c.after, methods, compression_of(c))},
          {"projected_accuracy", c.projected_accuracy},
          {"compression", compression_of(c)},
          {"points_lost", points_lost(c)},
          {"shortcoming", shortcoming(c)},
          {"layers", to_config(c.layers)}};
}

void print(std::ostream& out, const Compression& c) {
  Table layers = {{"layer", "", "parameters", "->", "us", "->", "error", "method"}};
  for (const models::CompressedLayer& layer : c.layers)
    layers.push_back({layer.path, "", std::to_string(layer.parameters_before),
                      std::to_string(layer.parameters_after), fixed(layer.latency_us_before, 1),
                      fixed(layer.latency_us_after, 1), fixed(layer.error, 4), layer.method});
  print(out, layers);
  for (const models::CompressedLayer& layer : c.layers)
    if (!layer.note.empty()) out << layer.path << " stays dense: " << layer.note << '\n';
  const auto row = [&](const std::string& name, double before, double after, int digits,
                       const std::string& remark) {
    return std::vector<std::string>{name, fixed(before, digits), fixed(after, digits), remark};
  };
  const State &before = c.before, &after = c.after;
  const auto ratio = [](double a, double b) { return fixed(b > 0 ? a / b : 0, 2) + "x"; };
  out << '\n';
  print(
      out,
      {{"network", "before", "after", ""},
       row("accuracy, %", 100 * before.score.accuracy, 100 * after.score.accuracy, 2,
           fixed(-points_lost(c), 2) + " points"),
       row("loss", before.score.loss, after.score.loss, 4, ""),
       row("parameters", static_cast<double>(before.parameters),
           static_cast<double>(after.parameters), 0,
           ratio(static_cast<double>(before.parameters), static_cast<double>(after.parameters))),
       row("bytes of the file", static_cast<double>(before.bytes), static_cast<double>(after.bytes),
           0, ratio(static_cast<double>(before.bytes), static_cast<double>(after.bytes))),
       row("latency, batch 1, us", before.speed.latency_us, after.speed.latency_us, 1,
           ratio(before.speed.latency_us, after.speed.latency_us)),
       row(concat("images/s, batch ", before.speed.batch), before.speed.images_per_second,
           after.speed.images_per_second, 0,
           ratio(after.speed.images_per_second, before.speed.images_per_second))});
  out << "accuracy after the projection, before training: " << fixed(100 * c.projected_accuracy, 2)
      << " %\n";
}

std::string shortcoming(const Compression& c) {
  std::string text;
  if (const double lost = points_lost(c); lost > c.max_loss)
    text += concat("the network can't be compressed to ", models::text(c.budget),
                   " at the wanted accuracy: ", fixed(100 * c.after.score.accuracy, 2), " % are ",
                   fixed(lost, 2), " points less than before, and ", fixed(c.max_loss, 2),
                   " may be lost; give it a larger budget or more epochs of --finetune");
  const double limit = c.budget.limit * c.before.speed.latency_us;
  if (c.budget.kind == models::Budget::Kind::latency && c.after.speed.latency_us > limit)
    text += concat(text.empty() ? "" : "; ", "it takes ", fixed(c.after.speed.latency_us, 1),
                   " us at batch 1, more than the ", fixed(limit, 1), " us of the budget ",
                   models::text(c.budget),
                   ": the sum of the layers' times promised less; ask for a smaller one");
  return text;
}

}  // namespace papilio::apps
