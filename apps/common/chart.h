// Chart: a figure of one or several panels side by side, with lines over a common kind of x, and
// one legend. What it shares with figures of another kind is draw_frame().
#pragma once

#include <string>
#include <vector>

#include "papilio/apps/common/axis.h"
#include "papilio/apps/common/canvas.h"

namespace papilio::apps {

/// How a line looks, in the panels and in the legend.
struct Stroke {
  Colour colour = {};
  bool dashed = false;
  bool dots = false;  ///< a disc at points
};

/// The stroke of the i-th of several: seven colours that remain different in the common kinds of
/// colour blindness (Okabe and Ito 2008, without the yellow, which is pale on white), then the same
/// with dots: kStrokes in all, and then the same again.
inline constexpr size_t kStrokes = 14;
Stroke stroke(size_t i);

struct Series {
  std::vector<double> x, y;  ///< equally many; a y that is not finite makes a gap
  Stroke stroke = {};
};

struct Panel {
  std::string title, x_title;
  bool logarithmic = false;  ///< the y axis, which then leaves out what is not positive
  std::vector<Series> series = {};
};

struct LegendEntry {
  std::string text;
  Stroke stroke = {};
};

struct Chart {
  std::string title = {};
  std::vector<Panel> panels = {};
  std::vector<LegendEntry> legend = {};
};

/// Draws the chart over the whole page. Everything is as big as on a page of 1200 x 480, and grows
/// with a page that is larger in both directions. Throws Error when the page is too small, and when
/// a panel has nothing to draw.
void draw(Canvas& canvas, const Chart& chart);
/// All titles and names, on one line.
std::string description(const Chart& chart);

/// Draws a grid, the labels of the ticks and the titles of a panel around `inner`, where its
/// content comes; `scale` 1 is small print of 12 pixels.
void draw_frame(Canvas& canvas, const Box& inner, const Axis& x, const Axis& y,
                const std::string& title, const std::string& x_title, double scale);

}  // namespace papilio::apps
