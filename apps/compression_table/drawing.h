// The compression table as a picture: a line of figures and a bar for every row.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "papilio/apps/common/canvas.h"

namespace papilio::compression_table {

struct DrawnRow {
  std::string title;
  std::vector<std::string> cells;   ///< under the headings
  double accuracy = 0, spread = 0;  ///< in %
  std::optional<double> published;  ///< in %
};

struct DrawnTable {
  std::string title;
  std::vector<std::string> headings;
  std::vector<DrawnRow> rows;
};

/// Pixels that the table needs.
struct Size {
  int width, height;
};
Size size_of(const DrawnTable& table);
void draw(apps::Canvas& canvas, const DrawnTable& table);

}  // namespace papilio::compression_table
