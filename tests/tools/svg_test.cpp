// What is drawn where, and what is written beside it.
#include "tools/tune/svg.h"

#include <gmock/gmock.h>

#include <limits>

namespace tern::tools {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Svg, TextIsEscaped) {
  EXPECT_EQ(escaped("a < b && \"c\" > 'd'"), "a &lt; b &amp;&amp; &quot;c&quot; &gt; &#39;d&#39;");
  EXPECT_EQ(escaped("\x01\x1f\n\t µ"), "??\n\t µ");
}

TEST(Svg, QuantitiesHaveThreeDigitsAndAPrefix) {
  EXPECT_EQ(quantity_text(0, "s"), "0 s");
  EXPECT_EQ(quantity_text(12.345e-6, "s"), "12.3 µs");
  EXPECT_EQ(quantity_text(0.9999e-3, "s"), "1 ms");
  EXPECT_EQ(quantity_text(7.5e10, "B/s"), "75 GB/s");
  EXPECT_EQ(quantity_text(3, "s"), "3 s");
  EXPECT_EQ(quantity_text(0.25, ""), "0.25");
  EXPECT_EQ(quantity_text(200e9, ""), "200 G");
  EXPECT_EQ(quantity_text(-2e-12, "s"), "-0.002 ns");
}

TEST(Svg, TicksAreRound) {
  const auto near = [](double value) { return DoubleNear(value, 1e-9 * (1 + value)); };
  EXPECT_THAT(ticks({-4.9, 5.1, false, {}, {}}), ElementsAre(-4, -2, near(0), 2, 4));
  EXPECT_THAT(ticks({0.13, 1.7, true, {}, {}}), ElementsAre(near(0.2), near(0.5), near(1)));
  EXPECT_THAT(ticks({3, 40000, true, {}, {}}), ElementsAre(near(10), near(100), near(1000), near(10000)));
  EXPECT_THAT(ticks({0.96, 1.21, true, {}, {}}),
              ElementsAre(near(1), near(1.05), near(1.1), near(1.15), near(1.2)));
}

TEST(Svg, AxesHoldAllThatCanBeDrawn) {
  const double infinity = std::numeric_limits<double>::infinity(),
               none = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> values = {2, infinity, none, -1, 0, 50};
  const Axis plain = axis_of(values, false, "x"), logarithmic = axis_of(values, true, "x");
  EXPECT_LT(plain.low, -1);
  EXPECT_GT(plain.high, 50);
  EXPECT_LT(plain.high, 100);
  EXPECT_GT(logarithmic.low, 1);
  EXPECT_LT(logarithmic.low, 2);
  EXPECT_GT(logarithmic.high, 50);
  for (const bool one : {false, true}) {
    const Axis same = axis_of(std::vector<double>{3, 3}, one, "x"), empty = axis_of({}, one, "x");
    EXPECT_LT(same.low, 3);
    EXPECT_GT(same.high, 3);
    EXPECT_LT(empty.low, empty.high);
  }
}

TEST(Svg, ANumberAtTheEndOfAnAxisHasRoom) {
  const int width = 376;
  const std::string svg = Plot(width, 300, {0, 1.2e-3, false, {}, "s"}, {0, 1, false, {}, {}}, "").finish();
  const size_t number = svg.find(">1.2 ms<");
  ASSERT_NE(number, std::string::npos) << svg;
  const size_t middle = svg.rfind(" x=\"", number) + 4;
  const double widest = 7 * 6.5;  // "1.25 ms" in the page's font
  EXPECT_LE(std::stod(svg.substr(middle)) + widest / 2, width);
}

TEST(Svg, MarksAreWhereTheirValuesAre) {
  // 62 pixels at the left, 24 at the right, 14 above and 42 below are for what is written.
  Plot plot(186, 156, {1, 100, true, "x <", {}}, {0, 10, false, "y", {}}, "a & b");
  plot.mark(Marker::circle, 10, 5, "p", "1 < 2");
  plot.mark(Marker::circle, 1000, -5, "far");
  plot.mark(Marker::circle, -1, std::numeric_limits<double>::infinity(), "odd");
  const std::string svg = plot.finish();
  EXPECT_THAT(svg, HasSubstr("aria-label=\"a &amp; b\""));
  EXPECT_THAT(svg,
              HasSubstr("<circle class=\"p\" cx=\"112.0\" cy=\"64.0\" r=\"3.2\"><title>1 &lt; 2</title>"));
  EXPECT_THAT(svg, HasSubstr("<circle class=\"far\" cx=\"162.0\" cy=\"114.0\"")) << "at the edge";
  EXPECT_THAT(svg, HasSubstr("<circle class=\"odd\" cx=\"62.0\" cy=\"114.0\""));
  EXPECT_THAT(svg, HasSubstr("x &lt;</text>"));
}

}  // namespace
}  // namespace tern::tools
