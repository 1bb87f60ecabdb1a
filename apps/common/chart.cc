#include "papilio/apps/common/chart.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "papilio/core/error.h"

namespace papilio::apps {
namespace {

constexpr Colour kInk = {0.13, 0.13, 0.13}, kPale = {0.38, 0.38, 0.38}, kGrid = {0.9, 0.9, 0.9},
                 kEdge = {0.6, 0.6, 0.6};
constexpr double kLargest = 1e300;  // of a value on an axis

// Pixels at scale 1.
constexpr double kText = 12, kHeading = 13, kTitle = 16, kBorder = 18, kRow = 20, kKey = 26,
                 kGap = 8;

bool drawable(double y, bool logarithmic) {
  return std::abs(y) <= kLargest && (!logarithmic || y > 1e-290);
}

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  void add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

// The text, cut until it fits.
std::string fitting(Canvas& canvas, std::string text, const Font& font, double width) {
  if (canvas.text_width(text, font) <= width) return text;
  while (!text.empty() && canvas.text_width(text + "…", font) > width) {
    while (text.size() > 1 && (text.back() & 0xC0) == 0x80) text.pop_back();  // UTF-8
    text.pop_back();
  }
  return text + "…";
}

// Discs at points that are not too close to each other; hollow on a dashed line.
void draw_dots(Canvas& canvas, const std::vector<Point>& points, const Stroke& stroke,
               double scale) {
  double next = -std::numeric_limits<double>::infinity();
  for (const Point& point : points) {
    if (point.x < next) continue;
    next = point.x + 13 * scale;
    canvas.disc(point, 3 * scale, stroke.colour);
    if (stroke.dashed) canvas.disc(point, 1.6 * scale, {1, 1, 1});
  }
}

void draw_stroke(Canvas& canvas, const std::vector<Point>& points, const Stroke& stroke,
                 double scale) {
  if (points.size() > 1)
    canvas.line(points, stroke.colour, (stroke.dashed ? 1.5 : 2) * scale,
                stroke.dashed ? 5 * scale : 0);
  if (stroke.dots || points.size() == 1)  // a lone point would not be seen
    draw_dots(canvas, points, stroke, scale);
}

void draw_series(Canvas& canvas, const Box& inner, const Axis& x, const Axis& y,
                 const Series& series, double scale) {
  std::vector<Point> points;
  for (size_t i = 0; i <= series.y.size(); ++i) {
    if (i < series.y.size() && drawable(series.y[i], y.logarithmic)) {
      points.push_back({inner.left + x.position(series.x[i]) * inner.width,
                        inner.bottom() - y.position(series.y[i]) * inner.height});
    } else {
      draw_stroke(canvas, points, series.stroke, scale);
      points.clear();
    }
  }
}

Axis y_axis(const Panel& panel, int most) {
  Range range;
  for (const Series& series : panel.series)
    for (const double y : series.y)
      if (drawable(y, panel.logarithmic)) range.add(y);
  check(range.low <= range.high, "there is nothing to draw of ", panel.title, ": no value is ",
        panel.logarithmic ? "positive and finite" : "finite");
  return panel.logarithmic ? logarithmic_axis(range.low, range.high, most)
                           : linear_axis(range.low, range.high, most);
}

Axis x_axis(const Panel& panel, int most) {
  Range range;
  for (const Series& series : panel.series)
    for (const double x : series.x) range.add(x);
  return integer_axis(range.low, range.high, most);
}

double widest_label(Canvas& canvas, const Axis& axis, const Font& font) {
  double width = 0;
  for (const Tick& tick : axis.ticks) width = std::max(width, canvas.text_width(tick.label, font));
  return width;
}

void draw_panel(Canvas& canvas, const Box& outer, const Panel& panel, double scale) {
  const Font font = {kText * scale};
  const double above = 2 * kHeading * scale, below = 3.6 * kText * scale;
  Box inner = {outer.left, outer.top + above, outer.width, outer.height - above - below};
  const Axis y = y_axis(panel, std::max(2, static_cast<int>(inner.height / (3 * font.size))));
  const double labels = widest_label(canvas, y, font) + kGap * scale;
  inner.left += labels;
  inner.width -= labels;
  check(inner.width >= 100 * scale && inner.height >= 80 * scale, "a picture of ", canvas.width(),
        " x ", canvas.height(), " pixels is too small for its panels and legend; make it larger");
  const Axis x = x_axis(panel, std::max(2, static_cast<int>(inner.width / (4 * font.size))));
  draw_frame(canvas, inner, x, y, panel.title, panel.x_title, scale);
  // Lines may be as wide as they are at the very ends of the axes.
  const double extra = 4 * scale;
  canvas.clipped(
      {inner.left - extra, inner.top - extra, inner.width + 2 * extra, inner.height + 2 * extra},
      [&] {
        for (const Series& series : panel.series) draw_series(canvas, inner, x, y, series, scale);
      });
}

// In rows from (left, top) to the right; returns where they end at the bottom.
double draw_legend(Canvas& canvas, const std::vector<LegendEntry>& entries, double left, double top,
                   double right, double scale) {
  const Font font = {kText * scale};
  const double key = kKey * scale, gap = kGap * scale;
  double x = left, y = top;
  for (const LegendEntry& entry : entries) {
    const std::string text = fitting(canvas, entry.text, font, right - left - key - gap);
    const double width = key + gap + canvas.text_width(text, font);
    if (x > left && x + width > right) {
      x = left;
      y += kRow * scale;
    }
    const double middle = y + kRow * scale / 2;
    draw_stroke(canvas, {{x, middle}, {x + key, middle}}, entry.stroke, scale);
    canvas.text(text, {x + key + gap, middle + 0.35 * font.size}, 0, font, kInk);
    x += width + 2.5 * gap;
  }
  return entries.empty() ? top : y + kRow * scale;
}

}  // namespace

Stroke stroke(size_t i) {
  static constexpr Colour kColours[] = {
      {0, 0.447, 0.698},     {0.835, 0.369, 0}, {0, 0.62, 0.451}, {0.8, 0.475, 0.655},
      {0.337, 0.706, 0.914}, {0.902, 0.624, 0}, {0, 0, 0}};
  constexpr size_t count = std::size(kColours);
  return {.colour = kColours[i % count], .dots = i / count % 2 == 1};
}

void draw_frame(Canvas& canvas, const Box& inner, const Axis& x, const Axis& y,
                const std::string& title, const std::string& x_title, double scale) {
  const Font font = {kText * scale}, heading = {kHeading * scale, true};
  const double gap = kGap * scale;
  for (const Tick& tick : y.ticks) {
    const double at = inner.bottom() - y.position(tick.value) * inner.height;
    canvas.line({{inner.left, at}, {inner.right(), at}}, kGrid, scale);
    canvas.text(tick.label, {inner.left - gap, at + 0.35 * font.size}, 1, font, kPale);
  }
  for (const Tick& tick : x.ticks) {
    const double at = inner.left + x.position(tick.value) * inner.width;
    canvas.line({{at, inner.top}, {at, inner.bottom()}}, kGrid, scale);
    canvas.text(tick.label, {at, inner.bottom() + 1.5 * font.size}, 0.5, font, kPale);
  }
  canvas.line({{inner.left, inner.bottom()}, {inner.right(), inner.bottom()}}, kEdge, scale);
  canvas.text(fitting(canvas, title, heading, inner.width), {inner.left, inner.top - 0.8 * gap}, 0,
              heading, kInk);
  canvas.text(x_title, {inner.left + inner.width / 2, inner.bottom() + 3.1 * font.size}, 0.5, font,
              kPale);
}

void draw(Canvas& canvas, const Chart& chart) {
  check(!chart.panels.empty(), "a chart without panels");
  const double scale = std::max(1.0, std::min(canvas.width() / 1200, canvas.height() / 480));
  const double border = kBorder * scale;
  const double right = canvas.width() - border;
  double top = border;
  if (!chart.title.empty()) {
    const Font font = {kTitle * scale, true};
    canvas.text(fitting(canvas, chart.title, font, right - border), {border, top + font.size}, 0,
                font, kInk);
    top += 1.7 * font.size;
  }
  top = draw_legend(canvas, chart.legend, border, top, right, scale) + 0.5 * kGap * scale;
  const auto count = static_cast<double>(chart.panels.size());
  const double between = 1.5 * border;
  Box outer = {border, top, (right - border - (count - 1) * between) / count,
               canvas.height() - 0.5 * border - top};
  for (const Panel& panel : chart.panels) {
    draw_panel(canvas, outer, panel, scale);
    outer.left += outer.width + between;
  }
}

std::string description(const Chart& chart) {
  std::string all = chart.title;
  const auto add = [&](const char* between, const std::string& text) {
    all += (all.empty() ? "" : between) + text;
  };
  for (const Panel& panel : chart.panels) add("; ", panel.title);
  for (const LegendEntry& entry : chart.legend) add("; ", entry.text);
  return all;
}

}  // namespace papilio::apps
