#include "papilio/apps/compression_table/report.h"

#include <cstdio>
#include <vector>

namespace papilio::compression_table {
namespace {

std::string text_of(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string percent(const Config& row, const char* key, const char* format = "%.2f") {
  const Config* value = row.find(key);
  return value ? text_of(format, 100 * value->as_double()) : "";
}

const std::vector<std::string> kHeadings = {"hidden numbers", "compression", "learning rate",
                                            "accuracy %",     "paper %",     "minus first",
                                            "1 image, us",    "images/s"};

std::vector<std::string> cells_of(const Config& row) {
  std::string accuracy = percent(row, "accuracy"), difference = percent(row, "difference", "%+.2f");
  if (row.at("seeds").as_int() > 1) accuracy += " +- " + percent(row, "spread");
  if (row.contains("standard_error")) difference += " +- " + percent(row, "standard_error");
  return {concat(row.at("parameters").as_int()),
          text_of("%.1f", row.at("compression").as_double()),
          text_of("%g", row.at("learning_rate").as_double()),
          accuracy,
          percent(row, "published_accuracy"),
          difference,
          text_of("%.2f", row.at("latency_us").as_double()),
          text_of("%.0f", row.at("images_per_second").as_double())};
}

}  // namespace

void print(const Config& rows, std::ostream& people) {
  char text[64];
  const auto put = [&](int width, const std::string& cell) {
    std::snprintf(text, sizeof text, "%*s ", width, cell.c_str());
    people << text;
  };
  constexpr int kWidths[] = {14, 11, 13, 16, 7, 16, 11, 10};
  put(-22, "hidden layer");
  for (size_t i = 0; i < kHeadings.size(); ++i) put(kWidths[i], kHeadings[i]);
  people << '\n';
  for (const Config& row : rows.as_array()) {
    put(-22, row.at("title").as_string());
    const std::vector<std::string> cells = cells_of(row);
    for (size_t i = 0; i < cells.size(); ++i) put(kWidths[i], cells[i]);
    people << '\n';
  }
}

DrawnTable drawn_table(const Config& rows, const std::string& title) {
  DrawnTable table{.title = title, .headings = kHeadings, .rows = {}};
  for (const Config& row : rows.as_array()) {
    DrawnRow drawn{.title = row.at("title").as_string(),
                   .cells = cells_of(row),
                   .accuracy = 100 * row.at("accuracy").as_double(),
                   .spread = 100 * row.at("spread").as_double(),
                   .published = {}};
    if (const Config* paper = row.find("published_accuracy"))
      drawn.published = 100 * paper->as_double();
    table.rows.push_back(drawn);
  }
  return table;
}

}  // namespace papilio::compression_table
