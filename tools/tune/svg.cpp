#include "tools/tune/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace tern::tools {
namespace {

// Around the area, for what is written beside the axes; on the right half a number below the axis's end.
constexpr double left = 62, right = 24, top = 14, bottom = 42;

double fraction_of(const Axis& axis, double value) {
  const auto scaled = [&](double one) { return axis.logarithmic ? std::log10(one) : one; };
  if (axis.logarithmic && !(value > 0)) return 0;
  const double fraction = (scaled(value) - scaled(axis.low)) / (scaled(axis.high) - scaled(axis.low));
  return std::isfinite(fraction) ? std::clamp(fraction, 0.0, 1.0) : 0;
}

std::string title_element(std::string_view title) {
  return title.empty() ? std::string() : fmt::format("<title>{}</title>", escaped(title));
}

std::string_view name(Anchor anchor) {
  switch (anchor) {
    case Anchor::start: return "start";
    case Anchor::middle: return "middle";
    case Anchor::end: return "end";
  }
  return {};
}

// The largest of 1, 2 and 5 times powers of ten that is not above a value.
double round_step(double value) {
  const double power = std::pow(10, std::floor(std::log10(value)));
  for (const double digit : {5.0, 2.0}) {
    if (digit * power <= value * 1.0001) return digit * power;
  }
  return power;
}

std::vector<double> linear_ticks(const Axis& axis) {
  const double step = round_step((axis.high - axis.low) / 4);
  std::vector<double> values;
  for (double i = std::ceil(axis.low / step - 1e-9); i * step <= axis.high + 1e-9 * step; ++i)
    values.push_back(i * step);
  return values;
}

std::vector<double> logarithmic_ticks(const Axis& axis) {
  const double decades = std::log10(axis.high / axis.low);
  const std::vector<double> digits = decades > 4     ? std::vector<double>{1}
                                     : decades > 2   ? std::vector<double>{1, 3}
                                     : decades > 0.6 ? std::vector<double>{1, 2, 5}
                                                     : std::vector<double>{};
  // Over less than a decade round values have equal steps.
  if (digits.empty()) return linear_ticks(axis);
  std::vector<double> values;
  for (double power = std::floor(std::log10(axis.low)); power <= std::log10(axis.high); ++power) {
    for (const double digit : digits) {
      const double value = digit * std::pow(10, power);
      if (value >= axis.low * 0.9999 && value <= axis.high * 1.0001) values.push_back(value);
    }
  }
  return values;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      case '\'': result += "&#39;"; break;
      default: result += (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') ? '?' : c;
    }
  }
  return result;
}

std::string quantity_text(double value, std::string_view unit) {
  struct Prefix {
    double factor;
    std::string_view name;
  };
  static constexpr std::array<Prefix, 8> prefixes = {
      {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}, {1, ""}, {1e-3, "m"}, {1e-6, "µ"}, {1e-9, "n"}}};
  const double size = std::abs(value);
  if (size == 0 || !std::isfinite(value) || (unit.empty() && size >= 1e-3 && size < 1e3))
    return fmt::format("{:.3g}{}{}", value, unit.empty() ? "" : " ", unit);
  // Half a digit less than the factor would be written as 1000 of the next.
  const Prefix* prefix =
      std::ranges::find_if(prefixes, [&](const Prefix& one) { return size >= 0.9995 * one.factor; });
  if (prefix == prefixes.end()) --prefix;
  const std::string number = fmt::format("{:.3g}", value / prefix->factor);
  return prefix->name.empty() && unit.empty() ? number : fmt::format("{} {}{}", number, prefix->name, unit);
}

Axis axis_of(std::span<const double> values, bool logarithmic, std::string title, std::string unit) {
  std::vector<double> kept;
  for (const double value : values) {
    if (std::isfinite(value) && (!logarithmic || value > 0)) kept.push_back(value);
  }
  Axis axis{0, 1, logarithmic, std::move(title), std::move(unit)};
  if (kept.empty()) kept = {1, 2};
  const auto [low, high] = std::ranges::minmax(kept);
  const double room = 0.05;
  if (logarithmic) {
    const double factor = std::max(std::pow(high / low, room), 1.05);
    axis.low = low / factor;
    axis.high = high * factor;
  } else {
    const double margin = high > low ? room * (high - low) : std::max(std::abs(high), 1.0) / 2;
    axis.low = low - margin;
    axis.high = high + margin;
  }
  return axis;
}

std::vector<double> ticks(const Axis& axis) {
  return axis.logarithmic ? logarithmic_ticks(axis) : linear_ticks(axis);
}

Plot::Plot(int width, int height, const Axis& x, const Axis& y, std::string_view label)
    : width_(width), height_(height), x_(x), y_(y) {
  body_ = fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n", width, height,
                      escaped(label));
  draw_axes();
}

double Plot::across(double value) const {
  return left + fraction_of(x_, value) * (width_ - left - right);
}

double Plot::down(double value) const {
  return height_ - bottom - fraction_of(y_, value) * (height_ - top - bottom);
}

void Plot::draw_axes() {
  for (const double value : x_.numbers ? ticks(x_) : std::vector<double>{}) {
    line(value, y_.low, value, y_.high, "grid");
    text(value, y_.low, 0, -15, Anchor::middle, quantity_text(value, x_.unit));
  }
  for (const double value : y_.numbers ? ticks(y_) : std::vector<double>{}) {
    line(x_.low, value, x_.high, value, "grid");
    text(x_.low, value, -7, -4, Anchor::end, quantity_text(value, y_.unit));
  }
  line(x_.low, y_.low, x_.high, y_.low, "axis");
  line(x_.low, y_.low, x_.low, y_.high, "axis");
  text(x_.high, y_.low, 0, -32, Anchor::end, x_.title, "axis-title");
  body_ += fmt::format(
      "<text class=\"axis-title\" text-anchor=\"end\" transform=\"translate(12 {:.1f}) rotate(-90)\">{}"
      "</text>\n",
      top, escaped(y_.title));
}

void Plot::mark(Marker marker, double x, double y, std::string_view classes, std::string_view title) {
  const double column = across(x), row = down(y);
  const std::string inner = title_element(title);
  switch (marker) {
    case Marker::circle:
      body_ += fmt::format("<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.2\">{}</circle>\n",
                           classes, column, row, inner);
      return;
    case Marker::ring:
      body_ +=
          fmt::format("<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"7\" fill=\"none\">{}</circle>\n",
                      classes, column, row, inner);
      return;
    case Marker::diamond:
      body_ += fmt::format("<path class=\"{}\" d=\"M{:.1f} {:.1f}l6 6l-6 6l-6 -6z\">{}</path>\n", classes,
                           column, row - 6, inner);
      return;
  }
}

void Plot::line(double x1, double y1, double x2, double y2, std::string_view classes,
                std::string_view title) {
  body_ +=
      fmt::format("<line class=\"{}\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\">{}</line>\n",
                  classes, across(x1), down(y1), across(x2), down(y2), title_element(title));
}

void Plot::band(double x1, double y1, double x2, double y2, std::string_view classes) {
  const double from = across(std::min(x1, x2)), to = across(std::max(x1, x2));
  const double above = down(std::max(y1, y2)), below = down(std::min(y1, y2));
  body_ += fmt::format("<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"/>\n",
                       classes, from, above, to - from, below - above);
}

void Plot::text(double x, double y, double right, double up, Anchor anchor, std::string_view text,
                std::string_view classes) {
  body_ += fmt::format("<text{} x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n",
                       classes.empty() ? std::string() : fmt::format(" class=\"{}\"", classes),
                       across(x) + right, down(y) - up, name(anchor), escaped(text));
}

std::string Plot::finish() const {
  return body_ + "</svg>\n";
}

}  // namespace tern::tools
