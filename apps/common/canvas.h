// Canvas: a white page to draw on, which becomes a PNG or an SVG. Lengths are pixels, (0, 0) is the
// upper left corner.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace papilio::apps {

struct Point {
  double x = 0, y = 0;
};

struct Box {
  double left = 0, top = 0, width = 0, height = 0;
  double right() const { return left + width; }
  double bottom() const { return top + height; }
};

struct Colour {
  double red = 0, green = 0, blue = 0;  ///< in [0, 1]
  double alpha = 1;                     ///< 0 is invisible
};

struct Font {
  double size = 12;  ///< pixels
  bool bold = false;
};

class Canvas {
 public:
  struct Context;  ///< of the library that draws
  Canvas(Context& context, double width, double height)
      : context_(context), width_(width), height_(height) {}

  double width() const { return width_; }
  double height() const { return height_; }

  void fill(const Box& box, const Colour& colour);
  void disc(const Point& centre, double radius, const Colour& colour);
  /// A line through all points. `dash` is the length of the dashes; 0 is a solid line.
  void line(const std::vector<Point>& points, const Colour& colour, double thickness,
            double dash = 0);
  /// UTF-8 text on one line; `at` lies on the base line, at the share `anchor` of the text's width
  /// (0 its left end, 1 its right end).
  void text(const std::string& text, const Point& at, double anchor, const Font& font,
            const Colour& colour);
  double text_width(const std::string& text, const Font& font);
  /// What `draw` draws, as far as it lies in the box.
  void clipped(const Box& box, const std::function<void()>& draw);

 private:
  void set(const Colour& colour);
  void set(const Font& font);

  Context& context_;
  double width_, height_;
};

using Drawing = std::function<void(Canvas&)>;

/// Both throw Error when a text is not UTF-8, when memory is short, and in a build without cairo.
std::string draw_png(int width, int height, const Drawing& drawing);
/// Texts become outlines, the same everywhere; `description` is written as the picture's title, for
/// searching and reading aloud.
std::string draw_svg(int width, int height, const std::string& description, const Drawing& drawing);

}  // namespace papilio::apps
