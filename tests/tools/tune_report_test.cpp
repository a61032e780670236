// The page that `tern tune --report` writes: well-formed, by itself, and shown by a browser as it is meant.
#include <gmock/gmock.h>

#include "browser.h"

namespace tern::tools {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// Tags without partners, and elements that end where another should. The page is XML: no tag is left out, and
// '<' and '>' mean nothing else.
std::vector<std::string> unbalanced(const std::string& html) {
  std::vector<std::string> open, wrong;
  for (size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
    const size_t end = html.find('>', at);
    if (end == std::string::npos) return {"a tag without end"};
    const std::string tag = html.substr(at + 1, end - at - 1);
    if (tag.starts_with("!DOCTYPE") || tag.ends_with('/')) continue;
    const std::string name =
        tag.substr(tag.starts_with('/'), tag.find_first_of(" \n") - tag.starts_with('/'));
    if (!tag.starts_with('/'))
      open.push_back(name);
    else if (open.empty() || open.back() != name)
      wrong.push_back(name);
    else
      open.pop_back();
  }
  wrong.insert(wrong.end(), open.begin(), open.end());
  return wrong;
}

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

class TuneReportTest : public BrowserTest {
 protected:
  // A name that would do harm if it were not escaped.
  const std::string records_ = path("<script>console.error(1);<b class=\"&.yaml");

  std::string tune(const std::string& arguments) const {
    const Outcome outcome = run(fmt::format("tune --use 1:4,4:1 --database '{}' --report '{}' {}", records_,
                                            path("report.html"), arguments));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    return read("report.html");
  }

  // What a script that is added to the page finds out about it.
  nlohmann::json measured(const std::string& html) const {
    const std::string script =
        "<script>const drawn = [...document.querySelectorAll('figure svg')];"
        "const outside = drawn.filter(svg => [...svg.querySelectorAll('text')].some(text => {"
        "  const a = text.getBoundingClientRect(), b = svg.getBoundingClientRect();"
        "  return a.width > 0 && (a.left < b.left - 1 || a.right > b.right + 1 || a.bottom > b.bottom + 1); "
        "}));"
        "const page = document.documentElement;"
        "document.body.innerHTML = '<pre>{' + JSON.stringify({figures: drawn.length,"
        "  smallest: Math.min(...drawn.map(svg => svg.getBoundingClientRect().width)),"
        "  outside: outside.map(svg => svg.getAttribute('aria-label')),"
        "  overflow: page.scrollWidth - page.clientWidth,"
        "  colours: new Set([...document.querySelectorAll('circle.p')].map(p => "
        "getComputedStyle(p).fill)).size,"
        "  tall: page.scrollHeight}) + '}</pre>';</script>";
    std::string with_script = html;
    with_script.insert(with_script.find("</body>"), script);
    const Page page = open(write("measured.html", with_script));
    const size_t begin = page.dom.find("<pre>{") + 6, end = page.dom.find("}</pre>");
    EXPECT_NE(end, std::string::npos) << page.dom;
    return end == std::string::npos ? nlohmann::json()
                                    : nlohmann::json::parse(page.dom.substr(begin, end - begin));
  }
};

TEST_F(TuneReportTest, IsWholeAndByItself) {
  const std::string html = tune("--shape 64x128 --budget 30s");
  EXPECT_THAT(unbalanced(html), IsEmpty());
  for (const char* foreign : {"http", "src=", "href=", "url(", "@import", "<script"})
    EXPECT_THAT(html, Not(HasSubstr(foreign)));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;console.error(1);&lt;b class=&quot;&amp;.yaml"));
  EXPECT_THAT(html, HasSubstr("<td class=\"shape\">64 x 128</td>"));
  // A shape's roofline and predictions; a landscape and the noise for each number of rows.
  EXPECT_EQ(count(html, "<figure>"), 6u);
  EXPECT_EQ(count(html, "aria-label=\"The tuning landscape\""), 2u);
  EXPECT_GE(count(html, "</title></circle>"), 20u) << "candidates";

  const Page page = open(path("report.html"));
  EXPECT_THAT(page.console, IsEmpty());
  EXPECT_THAT(page.requests, IsEmpty());
  EXPECT_EQ(count(page.dom, "</svg>"), count(html, "</svg>")) << "as the browser read it";
  const Page blank = open(write("blank.html", "<!DOCTYPE html><title>blank</title>"));
  EXPECT_GT(page.picture.size(), 5 * blank.picture.size());

  const nlohmann::json seen = measured(html);
  EXPECT_EQ(seen["figures"], 6);
  EXPECT_GT(seen["smallest"], 300) << "pixels";
  EXPECT_EQ(seen["outside"], nlohmann::json::array()) << "figures with text beyond their edges";
  EXPECT_EQ(seen["overflow"], 0) << "pixels, sideways";
  EXPECT_GT(seen["colours"], 2) << "strategies";
  EXPECT_GT(seen["tall"], 2000) << "pixels";
}

TEST_F(TuneReportTest, WhatWasKnownHasARowAndNoFigures) {
  tune("--shape 16x32 --budget 60s --seed 2");
  const std::string html = tune("--shape 16x32 --budget 60s");
  EXPECT_THAT(unbalanced(html), IsEmpty());
  EXPECT_THAT(html, AllOf(HasSubstr("<td class=\"shape\">16 x 32</td>"), HasSubstr("(known before)")));
  EXPECT_EQ(count(html, "<figure>"), 0u);
  EXPECT_THAT(open(path("report.html")).console, IsEmpty());
}

TEST_F(TuneReportTest, AFileThatCannotBeWrittenIsSaid) {
  const Outcome outcome =
      run("tune --shape 16x32 --use 1:1 --budget 1s --report '" + path("none/report.html") + "'");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.errors, HasSubstr("none/report.html"));
}

// What is asked of reports could be found missing.
TEST_F(BrowserTest, SeesWhatAPageMustNotDo) {
  const Page page =
      open(write("bad.html",
                 "<!DOCTYPE html><title>bad</title><img src=\"http://192.0.2.1/x.png\">"
                 "<p id=\"p\">before</p><script>document.getElementById('p').textContent = 'after';"
                 "console.error('it said so'); none.at.all();</script>"));
  EXPECT_THAT(page.dom, HasSubstr(">after<"));
  EXPECT_THAT(page.console, AllOf(Contains(HasSubstr("it said so")), Contains(HasSubstr("ReferenceError"))));
  EXPECT_THAT(page.requests, Contains("http://192.0.2.1/x.png"));
  EXPECT_THAT(unbalanced("<a><b></a></b><i>"), Not(IsEmpty()));
}

}  // namespace
}  // namespace tern::tools
