// Plots as inline SVG: an area with two axes, and marks on it by their values. Colours and fonts are those of
// the page's style: marks only name classes.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tern::tools {

// Text as HTML and SVG take it between tags and in quoted attributes. Control characters, which neither may
// hold, become question marks.
std::string escaped(std::string_view text);

// With three digits and a prefix: "12.5 µs", "340 G". Without a unit, numbers of ordinary size have no
// prefix.
std::string quantity_text(double value, std::string_view unit);

struct Axis {
  double low = 0, high = 1;  // the values at its ends
  bool logarithmic = false;  // then both are above 0
  std::string title;
  std::string unit;     // of the values: "s"; may be empty
  bool numbers = true;  // whether values are written beside it
};

// An axis with all the values on it, and some room at the ends. Values that are not finite do not count, nor
// do values of 0 and below on a logarithmic axis.
Axis axis_of(std::span<const double> values, bool logarithmic, std::string title, std::string unit = {});

// Round values along an axis, ascending.
std::vector<double> ticks(const Axis& axis);

enum class Marker { circle, diamond, ring };
enum class Anchor { start, middle, end };

class Plot {
 public:
  // In pixels; the page decides how large it is shown. `label` says what it is to who cannot see it.
  Plot(int width, int height, const Axis& x, const Axis& y, std::string_view label);

  // Places are values on the axes; what lies outside is moved to the edge. `title` is shown where a pointer
  // rests; none if it is empty.
  void mark(Marker marker, double x, double y, std::string_view classes, std::string_view title = {});
  void line(double x1, double y1, double x2, double y2, std::string_view classes,
            std::string_view title = {});
  void band(double x1, double y1, double x2, double y2, std::string_view classes);
  // Beside the place (x, y), `right` pixels to the right and `up` pixels above.
  void text(double x, double y, double right, double up, Anchor anchor, std::string_view text,
            std::string_view classes = {});

  std::string finish() const;  // the <svg> element

 private:
  double across(double value) const;
  double down(double value) const;
  void draw_axes();

  int width_, height_;
  Axis x_, y_;
  std::string body_;
};

}  // namespace tern::tools
