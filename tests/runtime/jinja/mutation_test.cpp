// Damaged templates are refused or print something, and never crash.
#include <gtest/gtest.h>

#include <random>

#include "runtime/jinja/template.h"
#include "runtime/jinja/values/value_text.h"

namespace tern::runtime::jinja {
namespace {

constexpr std::string_view source =
    R"({%- macro show(m, deep=false) %}{{ m.role ~ ': ' ~ m['content'] | trim }}{% endmacro %}
{%- set ns = namespace(last=-1) %}
{% for m in messages[::-1] if m.role in ['user', 'tool'] -%}
  {% if loop.first and ns.last < 0 %}{% set ns.last = loop.index0 %}{% elif not m.content is none %}{% continue %}{% endif %}
  {{ show(m, deep=true) if m is mapping else raise_exception("no " + m|string) }}
{%- else %}none{% endfor %}
{% filter upper %}{{ tools | tojson(indent=2) | default('x', true) | replace("a", 'b') }}{% endfilter %}
{% with a = 1, b = 'x' %}{{ '%s %5.2f' % (b, a) }}{{ '%(k)d' | format(k=7) }}{% endwith %}
{% raw %}{{ {% {# {% endraw %}{{- {'a': (1, 2.5e3), 3: 4}.items() | list | join(',') }}{# the end #})";

TEST(TemplateMutationTest, NeverCrashes) {
  const Expected<Value> variables = from_json(
      R"({"messages": [{"role": "user", "content": "a"}, {"role": "tool", "content": null}], "tools": [1]})");
  ASSERT_TRUE(variables);
  ASSERT_TRUE(Template::parse(source, "t"));
  std::mt19937 random(7);
  size_t parsed = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text(source);
    const size_t changes = 1 + random() % 3;
    for (size_t change = 0; change < changes; ++change) {
      const size_t at = random() % text.size();
      switch (random() % 4) {
        case 0: text.erase(at, 1 + random() % 8); break;
        case 1: text[at] = "{}%#-+|.()[]'\"~*\\\n \xff"[random() % 20]; break;
        case 2: text.insert(at, text.substr(random() % text.size(), random() % 30)); break;
        case 3: text.resize(at + 1); break;
      }
      if (text.empty()) text.assign(1, ' ');
    }
    const Expected<Template> made = Template::parse(text, "t");
    if (!made) {
      EXPECT_EQ(made.error().where.file, "t");
      EXPECT_GT(made.error().where.line, 0) << text;
      continue;
    }
    ++parsed;
    const Expected<std::string> printed = made->render(variables->as_dict());
    if (printed) continue;
    EXPECT_GT(printed.error().where.line, 0) << text;
  }
  EXPECT_GT(parsed, 100u);
}

}  // namespace
}  // namespace tern::runtime::jinja
