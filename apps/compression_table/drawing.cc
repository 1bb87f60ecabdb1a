#include "papilio/apps/compression_table/drawing.h"

#include <algorithm>
#include <cmath>

#include "papilio/apps/common/axis.h"

namespace papilio::compression_table {
namespace {

using apps::Box;
using apps::Canvas;
using apps::Colour;

constexpr double kMargin = 24, kLine = 30, kTitle = 54, kHeading = 34, kName = 190, kCell = 104,
                 kBars = 360, kAxis = 40;
constexpr Colour kBlack = {0.1, 0.1, 0.1}, kGray = {0.55, 0.55, 0.55}, kPale = {0.95, 0.95, 0.95},
                 kBar = {0.0, 0.45, 0.70}, kPaper = {0.84, 0.37, 0.0};

double top_of(size_t row) { return kMargin + kTitle + kHeading + kLine * static_cast<double>(row); }

Box bars_of(const DrawnTable& table) {
  const double left = kMargin + kName + kCell * static_cast<double>(table.headings.size()) + 30;
  return {left, top_of(0), kBars, kLine * static_cast<double>(table.rows.size())};
}

apps::Axis accuracy_axis(const DrawnTable& table) {
  double low = 100, high = 0;
  for (const DrawnRow& row : table.rows) {
    low = std::min({low, row.accuracy - row.spread, row.published.value_or(100)});
    high = std::max({high, row.accuracy + row.spread, row.published.value_or(0)});
  }
  return apps::linear_axis(low, high, 6);
}

void draw_axis(Canvas& canvas, const Box& box, const apps::Axis& axis) {
  for (const apps::Tick& tick : axis.ticks) {
    const double x = box.left + box.width * axis.position(tick.value);
    canvas.line({{x, box.top}, {x, box.bottom()}}, {0.8, 0.8, 0.8}, 1);
    canvas.text(tick.label, {x, box.bottom() + 18}, 0.5, {.size = 12}, kGray);
  }
}

void draw_bar(Canvas& canvas, const Box& box, const apps::Axis& axis, const DrawnRow& row,
              double top) {
  const auto at = [&](double accuracy) { return box.left + box.width * axis.position(accuracy); };
  const double middle = top + kLine / 2;
  canvas.fill({box.left, top + 8, at(row.accuracy) - box.left, kLine - 16}, kBar);
  if (row.spread > 0)
    canvas.line({{at(row.accuracy - row.spread), middle}, {at(row.accuracy + row.spread), middle}},
                kBlack, 2);
  if (row.published)
    canvas.line({{at(*row.published), top + 4}, {at(*row.published), top + kLine - 4}}, kPaper, 3);
}

}  // namespace

Size size_of(const DrawnTable& table) {
  const Box bars = bars_of(table);
  return {static_cast<int>(bars.right() + kMargin),
          static_cast<int>(bars.bottom() + kAxis + kMargin)};
}

void draw(Canvas& canvas, const DrawnTable& table) {
  canvas.text(table.title, {kMargin, kMargin + 22}, 0, {.size = 18, .bold = true}, kBlack);
  const Box bars = bars_of(table);
  const apps::Axis axis = accuracy_axis(table);
  const double heading = kMargin + kTitle + 16;
  const auto cell_end = [](size_t i) {
    return kMargin + kName + kCell * static_cast<double>(i + 1);
  };
  for (size_t i = 0; i < table.headings.size(); ++i)
    canvas.text(table.headings[i], {cell_end(i), heading}, 1, {.size = 12, .bold = true}, kBlack);
  canvas.text("test accuracy (%); the mark is the paper's", {bars.left, heading}, 0,
              {.size = 12, .bold = true}, kBlack);
  for (size_t r = 0; r < table.rows.size(); r += 2)
    canvas.fill({kMargin, top_of(r), bars.left - kMargin - 15, kLine}, kPale);
  draw_axis(canvas, bars, axis);
  for (size_t r = 0; r < table.rows.size(); ++r) {
    const DrawnRow& row = table.rows[r];
    const double base = top_of(r) + kLine / 2 + 5;
    canvas.text(row.title, {kMargin + 6, base}, 0, {.size = 13}, kBlack);
    for (size_t i = 0; i < row.cells.size(); ++i)
      canvas.text(row.cells[i], {cell_end(i), base}, 1, {.size = 13}, kBlack);
    draw_bar(canvas, bars, axis, row, top_of(r));
  }
}

}  // namespace papilio::compression_table
