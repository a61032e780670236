// Templates that want all time, all memory or all stack, or what no template may have.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>

#include "runtime/jinja/template.h"
#include "runtime/jinja/values/value_text.h"

namespace tern::runtime::jinja {
namespace {

std::string repeated(std::string_view part, size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += part;
  return text;
}

std::vector<std::string> hostile_templates() {
  const std::string doubling = repeated("{% set x = x ~ x %}", 60);
  return {
      "{% set x = 'a' %}" + doubling + "{{ x }}",
      "{% set x = ['a'] %}" + repeated("{% set x = x + x %}", 60) + "{{ x }}",
      "{% set x = [1] %}" + repeated("{% set x = [x, x] %}", 90) + "{{ x }}",
      "{% set x = [1] %}" + repeated("{% set x = [x, x] %}", 90) + "{{ x == x ~ '' }}{{ x|tojson }}",
      "{% set x = [1] %}{% set y = [1] %}" + repeated("{% set x = [x, x] %}{% set y = [y, y] %}", 90) +
          "{{ x == y }}",
      "{% set x = [] %}{% for i in range(200) %}{% set ns = namespace(x=x) %}{% endfor %}" +
          repeated("{% set x = [x] %}", 200),
      "{% set ns = namespace(x=[]) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}",
      "{% for i in range(100000000000) %}{% endfor %}",
      "{{ range(9223372036854775807)|list }}",
      repeated("{% for i in range(1000) %}", 8) + "x" + repeated("{% endfor %}", 8),
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{{ a() }}{% endmacro %}{{ a() }}",
      "{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{% endmacro %}{{ m() }}",
      "{{ " + repeated("(", 100000) + "1" + repeated(")", 100000) + " }}",
      "{{ " + repeated("[", 100000) + repeated("]", 100000) + " }}",
      "{{ 1" + repeated(" + 1", 100000) + " }}",
      "{{ x" + repeated(".x", 100000) + " }}",
      "{{ " + repeated("-", 100000) + "1 }}",
      "{{ " + repeated("not ", 100000) + "1 }}",
      repeated("{% if 1 %}", 100000) + repeated("{% endif %}", 100000),
      "{{ 'a' * 9223372036854775807 }}",
      "{{ [1, 2] * 4611686018427387904 }}",
      "{{ 10 ** 10 ** 10 }}",
      "{{ 2.0 ** 1e308 }}",
      "{{ 1.5|round(1000000000) }}",
      "{{ '%.999999999f' % 1.5 }}",
      "{{ '%99999999999999999999d' % 1 }}",
      "{{ '%*d' % (9223372036854775807, 1) }}",
      "{{ '%.*f' % (999999999, 1.5) }}",
      "{{ ('%(a)s' * 100000) % {'a': 'a' * 1000000} }}",
      "{{ '%s'|format('a' * 1000000000) }}",
      "{{ '" + repeated("(", 100000) + "' % 1 }}{{ '%" + repeated("(", 100000) + "' % {} }}",
      "{{ '{:>999999999}'.format(1) }}",
      "{{ 'a\nb'|indent(9223372036854775807) }}",
      "{{ {'a': [1]}|tojson(indent=9223372036854775807) }}",
      "{{ ''.__class__.__mro__[1].__subclasses__() }}",
      "{{ ''['__class__']['__mro__'] }}",
      "{{ [''] | map(attribute='__class__.__mro__') | list }}",
      "{{ range.__globals__ }}",
      "{{ self._TemplateReference__context }}",
      "{{ messages.append(1) }}{{ messages.__init__ }}",
      "{% set ns = namespace() %}{% set ns.ns = ns %}{{ ns }}",
      repeated("{% with a = 1 %}", 100000) + repeated("{% endwith %}", 100000),
      "{% with a = range(100000000000)|list %}{{ a }}{% endwith %}",
      "{% with ns = namespace() %}{% with d = {1: ns} %}{{ d }}{% endwith %}{% endwith %}",
      repeated("{% raw %}{%", 100000),
      repeated("{% raw ", 100000),
      "{% include '/etc/passwd' %}",
      "{% import 'os' as os %}",
      "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
      "{{ lipsum(n=1000000000) }}",
      "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{% if s in s ~ 'b' %}{% endif %}{% endfor %}",
      "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{{ s|length }}{% endfor %}",
      "{% set s = 'ab' * 500000 %}{{ s.replace('', s) }}",
      "{% set s = 'ab ' * 300000 %}{{ s.rsplit()|length }}",
      "{% set l = range(100000)|list %}{{ l|unique|length }}",
      "{% set s = 'a' * 1000000 %}{{ s.strip(s ~ 'b')|length }}",
  };
}

TEST(HostileTemplateTest, AreRefusedQuicklyAndInLittleMemory) {
  rusage before{};
  getrusage(RUSAGE_SELF, &before);
  for (const std::string& source : hostile_templates()) {
    const auto start = std::chrono::steady_clock::now();
    Expected<Template> made = Template::parse(source, "hostile");
    std::string message;
    if (made) {
      Dict variables;
      variables.set("messages", Value::list(std::vector<Value>()));
      const Expected<std::string> text = made->render(variables);
      message = text ? "" : text.error().text();
    } else {
      message = made.error().text();
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    EXPECT_THAT(message, ::testing::StartsWith("hostile:")) << source.substr(0, 100);
    EXPECT_LT(seconds, 5) << source.substr(0, 100);  // far below a second where nothing else runs
  }
  rusage after{};
  getrusage(RUSAGE_SELF, &after);
#if !defined(__SANITIZE_ADDRESS__)                            // which keeps freed memory for a while
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 600 * 1024);  // kilobytes
#endif
}

}  // namespace
}  // namespace tern::runtime::jinja
