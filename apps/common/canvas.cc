#include "papilio/apps/common/canvas.h"

#include "papilio/core/error.h"

#ifdef PAPILIO_CAIRO

#include <cairo-svg.h>
#include <cairo.h>

#include <memory>
#include <numbers>

namespace papilio::apps {

struct Canvas::Context {
  cairo_t* cairo;
};

namespace {

using Surface = std::unique_ptr<cairo_surface_t, decltype(&cairo_surface_destroy)>;

void check_status(cairo_status_t status, std::string_view what) {
  check(status == CAIRO_STATUS_SUCCESS, "can't draw ", std::string(what), ": ",
        cairo_status_to_string(status));
}

cairo_status_t append(void* bytes, const unsigned char* data, unsigned length) {
  static_cast<std::string*>(bytes)->append(reinterpret_cast<const char*>(data), length);
  return CAIRO_STATUS_SUCCESS;
}

void draw_on(const Surface& surface, int width, int height, const Drawing& drawing) {
  check_status(cairo_surface_status(surface.get()), "the picture");
  const std::unique_ptr<cairo_t, decltype(&cairo_destroy)> cairo(cairo_create(surface.get()),
                                                                 cairo_destroy);
  Canvas::Context context = {cairo.get()};
  Canvas canvas(context, width, height);
  canvas.fill({0, 0, canvas.width(), canvas.height()}, {1, 1, 1});
  drawing(canvas);
  check_status(cairo_status(cairo.get()), "the picture");
}

// As XML has it: without its special characters, and without control characters.
std::string escaped(std::string_view text) {
  std::string all;
  for (const char c : text) {
    if (c == '<')
      all += "&lt;";
    else if (c == '>')
      all += "&gt;";
    else if (c == '&')
      all += "&amp;";
    else
      all += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return all;
}

}  // namespace

void Canvas::set(const Colour& c) {
  cairo_set_source_rgba(context_.cairo, c.red, c.green, c.blue, c.alpha);
}

void Canvas::set(const Font& font) {
  cairo_select_font_face(context_.cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                         font.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(context_.cairo, font.size);
}

void Canvas::fill(const Box& box, const Colour& colour) {
  set(colour);
  cairo_new_path(context_.cairo);
  cairo_rectangle(context_.cairo, box.left, box.top, box.width, box.height);
  cairo_fill(context_.cairo);
}

void Canvas::disc(const Point& centre, double radius, const Colour& colour) {
  set(colour);
  cairo_new_path(context_.cairo);
  cairo_arc(context_.cairo, centre.x, centre.y, radius, 0, 2 * std::numbers::pi);
  cairo_fill(context_.cairo);
}

void Canvas::line(const std::vector<Point>& points, const Colour& colour, double thickness,
                  double dash) {
  set(colour);
  cairo_set_line_width(context_.cairo, thickness);
  cairo_set_line_join(context_.cairo, CAIRO_LINE_JOIN_ROUND);
  const double lengths[] = {dash, 0.6 * dash};
  cairo_set_dash(context_.cairo, lengths, dash > 0 ? 2 : 0, 0);
  cairo_new_path(context_.cairo);
  for (const Point& point : points) cairo_line_to(context_.cairo, point.x, point.y);
  cairo_stroke(context_.cairo);
}

void Canvas::text(const std::string& text, const Point& at, double anchor, const Font& font,
                  const Colour& colour) {
  const double left = at.x - anchor * text_width(text, font);
  set(colour);
  cairo_move_to(context_.cairo, left, at.y);
  cairo_show_text(context_.cairo, text.c_str());  // leaves a current point: paths begin anew
}

double Canvas::text_width(const std::string& text, const Font& font) {
  set(font);
  cairo_text_extents_t extents;
  cairo_text_extents(context_.cairo, text.c_str(), &extents);
  check_status(cairo_status(context_.cairo), concat("the text '", text, "'"));
  return extents.x_advance;
}

void Canvas::clipped(const Box& box, const std::function<void()>& draw) {
  cairo_save(context_.cairo);
  cairo_new_path(context_.cairo);
  cairo_rectangle(context_.cairo, box.left, box.top, box.width, box.height);
  cairo_clip(context_.cairo);
  draw();
  cairo_restore(context_.cairo);
}

std::string draw_png(int width, int height, const Drawing& drawing) {
  const Surface surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height),
                        cairo_surface_destroy);
  draw_on(surface, width, height, drawing);
  std::string bytes;
  check_status(cairo_surface_write_to_png_stream(surface.get(), append, &bytes), "a PNG");
  return bytes;
}

std::string draw_svg(int width, int height, const std::string& description,
                     const Drawing& drawing) {
  std::string bytes;
  const Surface surface(cairo_svg_surface_create_for_stream(append, &bytes, width, height),
                        cairo_surface_destroy);
  cairo_svg_surface_set_document_unit(surface.get(), CAIRO_SVG_UNIT_PX);
  draw_on(surface, width, height, drawing);
  cairo_surface_finish(surface.get());
  check_status(cairo_surface_status(surface.get()), "an SVG");
  const size_t root = bytes.find('>', bytes.find("<svg"));
  check(root != std::string::npos, "cairo wrote an SVG without a root");
  return bytes.insert(root + 1, "\n<title>" + escaped(description) + "</title>");
}

}  // namespace papilio::apps

#else

namespace papilio::apps {

// What draws is only called through the two functions below.
void Canvas::fill(const Box&, const Colour&) {}
void Canvas::disc(const Point&, double, const Colour&) {}
void Canvas::line(const std::vector<Point>&, const Colour&, double, double) {}
void Canvas::text(const std::string&, const Point&, double, const Font&, const Colour&) {}
double Canvas::text_width(const std::string&, const Font&) { return 0; }
void Canvas::clipped(const Box&, const std::function<void()>&) {}

std::string draw_png(int, int, const Drawing&) {
  fail("built without cairo, which draws: install libcairo2-dev, then configure and build again");
}

std::string draw_svg(int width, int height, const std::string&, const Drawing& drawing) {
  return draw_png(width, height, drawing);
}

}  // namespace papilio::apps

#endif
