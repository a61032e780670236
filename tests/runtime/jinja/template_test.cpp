// What templates print. The expected texts are those of Jinja2 3.1.6 for Python, in the environment that
// transformers sets up.
#include "runtime/jinja/template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/jinja/values/value_text.h"

namespace tern::runtime::jinja {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view variables_text = R"({
  "messages": [{"role": "system", "content": " Be brief. "}, {"role": "user", "content": "Hi <b>"},
               {"role": "assistant", "content": "<think>\nhm\n</think>\n\nHello"}],
  "tool": {"name": "f", "args": {"b": [1, 2.5, null], "a": true, "s": "\u00e9\"\n"}},
  "text": "Ünïcode 日本", "n": 7, "empty": [], "words": ["b", "A", "c", "a"]})";

struct Case {
  const char* source;
  const char* expected;
};

std::string rendered(std::string_view source, std::string_view variables = variables_text) {
  const Expected<Value> values = from_json(variables);
  if (!values) return "JSON: " + values.error().text();
  const Expected<Template> made = Template::parse(source, "t");
  if (!made) return "parse: " + made.error().text();
  RenderOptions options;
  options.now.tm_year = 126;
  options.now.tm_mon = 10;
  options.now.tm_mday = 1;
  const Expected<std::string> text = made->render(values->as_dict(), options);
  return text ? *text : "render: " + text.error().text();
}

class TemplateTest : public ::testing::TestWithParam<Case> {};

TEST_P(TemplateTest, PrintsWhatPythonPrints) {
  EXPECT_EQ(rendered(GetParam().source), GetParam().expected) << GetParam().source;
}

constexpr Case
    cases[] =
        {
            {R"~(plain)~", R"~(plain)~"},
            {R"~({{ n }} {{ 1.0 }} {{ 1e20 }} {{ 1.5e-7 }} {{ true }} {{ none }} {{ nothing }} {{ 7/2 }} {{ -7 // 2 }} {{ -7 % 3 }})~",
             R"~(7 1.0 1e+20 1.5e-07 True None  3.5 -4 2)~"},
            {R"~({{ [1, 'a', "it's", true, none, 1.5] }} {{ ('a',) }} {{ (1, 2) }} {{ {'a': 1, 'b': [2]} }})~",
             R"~([1, 'a', "it's", True, None, 1.5] ('a',) (1, 2) {'a': 1, 'b': [2]})~"},
            {R"~({{ 2 ** 10 }} {{ 2 ** -1 }} {{ 1 + 2 * 3 - 4 }} {{ 'a' ~ 1 ~ none }} {{ 'ab' * 3 }} {{ [1] + [2] }})~",
             R"~(1024 0.5 3 a1None ababab [1, 2])~"},
            {R"~({{ 1 < 2 < 3 }} {{ 1 < 2 > 5 }} {{ 'a' in 'abc' }} {{ 'x' not in words }} {{ 'name' in tool }} {{ 1 == 1.0 }} {{ true == 1 }})~",
             R"~(True False True True True True True)~"},
            {R"~({{ not false and true or false }} {{ 0 or 'x' }} {{ '' and 1 }} {{ 'a' if n == 7 else 'b' }}|{{ 'a' if n == 8 }}|)~",
             R"~(True x  a||)~"},
            {R"~({{ words[0] }} {{ words[-1] }} {{ words[9] }} {{ words[1:3] }} {{ words[::-1] }} {{ text[2:6] }} {{ text[-2:] }} {{ text[::-1] }})~",
             R"~(b a  ['A', 'c'] ['a', 'c', 'A', 'b'] ïcod 日本 本日 edocïnÜ)~"},
            {R"~({{ messages[0].content|trim }}|{{ messages[0]['content'] }}|{{ messages|length }} {{ text|length }})~",
             R"~(Be brief.| Be brief. |3 10)~"},
            {R"~({{ tool|tojson }} {{ tool.args|tojson(indent=2) }} {{ tool.args|tojson(ensure_ascii=true, sort_keys=true) }} {{ [1,{}]|tojson(separators=(',',':')) }} {{ []|tojson(indent=4) }})~",
             R"~({"name": "f", "args": {"b": [1, 2.5, null], "a": true, "s": "é\"\n"}} {
  "b": [
    1,
    2.5,
    null
  ],
  "a": true,
  "s": "é\"\n"
} {"a": true, "b": [1, 2.5, null], "s": "\u00e9\"\n"} [1,{}] [])~"},
            {R"~({{ words|join(', ') }} {{ words|sort|join }} {{ words|sort(reverse=true)|join }} {{ words|sort(case_sensitive=true)|join }} {{ words|unique|join }} {{ words|first }} {{ words|last }} {{ words|reverse|list }})~",
             R"~(b, A, c, a Aabc cbAa Aabc bAc b a ['a', 'c', 'A', 'b'])~"},
            {R"~({{ messages|map(attribute='role')|join(',') }} {{ messages|selectattr('role','equalto','user')|map(attribute='content')|list }} {{ messages|rejectattr('role','eq','user')|list|length }} {{ words|map('upper')|join }} {{ [1,2,3,4]|select('odd')|list }} {{ [0,1,'']|reject|list }})~",
             R"~(system,user,assistant ['Hi <b>'] 2 BACA [1, 3] [0, ''])~"},
            {R"~({{ 'a b'|title }} {{ 'hELLO'|capitalize }} {{ 'ß'|upper }} {{ 'ÄÖ'|lower }} {{ 'x-y z'|title }} {{ "they're".title() }} {{ ' x '.strip() }}|{{ 'xxaxx'.strip('x') }} {{ '\n\na\n'.lstrip('\n') }})~",
             R"~(A B Hello SS äö X-Y Z They'Re x|a a
)~"},
            {R"~({{ messages[2].content.split('</think>')[-1].lstrip('\n') }}|{{ messages[2].content.split('</think>')[0].split('<think>')[-1].strip() }}|{{ 'a b  c'.split() }} {{ 'a,b,c'.split(',', 1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ ' a  b c '.split(none, 1) }} {{ 'a\nb\r\nc'.splitlines() }})~",
             R"~(Hello|hm|['a', 'b', 'c'] ['a', 'b,c'] ['a,b', 'c'] ['a', 'b c '] ['a', 'b', 'c'])~"},
            {R"~({{ 'abc'.startswith('ab') }} {{ 'abc'.endswith(('x','c')) }} {{ 'aXbX'.replace('X','-') }} {{ 'aXbX'|replace('X','-',1) }} {{ 'aab'.count('a') }} {{ 'abc'.find('c') }} {{ 'abc'.upper() }} {{ 'é1'.upper() }} {{ '-'.join(words) }})~",
             R"~(True True a-b- a-bX 2 2 ABC É1 b-A-c-a)~"},
            {R"~({% for k, v in tool.args.items() %}{{ k }}={{ v }};{% endfor %}{% for k in tool %}{{ k }},{% endfor %}{% for k, v in tool.args|dictsort %}{{ k }}{% endfor %} {{ tool.get('x', 'd') }} {{ tool.get('x') }} {{ tool.keys()|list }})~",
             R"~(b=[1, 2.5, None];a=True;s=é"
;name,args,abs d None ['name', 'args'])~"},
            {R"~({% for w in words %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('x','y') }} {% endfor %})~",
             R"~(104TrueFalse4Ax 213FalseFalse4bcy 322FalseFalse4Aax 431FalseTrue4cy )~"},
            {R"~({% for w in words if w != 'A' %}{{ loop.index }}{{ w }}{% else %}none{% endfor %}{% for w in empty %}x{% else %}none{% endfor %}{% for a in nothing %}x{% endfor %}{% for c in 'äb' %}[{{ c }}]{% endfor %})~",
             R"~(1b2c3anone[ä][b])~"},
            {R"~({% for i in range(3) %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}{% for i in range(1, 10, 3) %}{% if i == 7 %}{% break %}{% endif %}{{ i }}{% endfor %}{{ range(5, 0, -2)|list }})~",
             R"~(0214[5, 3, 1])~"},
            {R"~({% set x = 1 %}{% for i in [1,2] %}{{ x }}{% set x = 9 %}{{ x }}{% endfor %}{{ x }}{% set ns = namespace(a=1) %}{% for i in [1,2] %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }})~",
             R"~(191914)~"},
            {R"~({% set a, b = 1, 2 %}{{ a }}{{ b }}{% set c %} block {{ n }} {% endset %}[{{ c }}]{% set d | trim %} block {% endset %}[{{ d }}]{% filter upper %}abc{{ n }}{% endfilter %})~",
             R"~(12[ block 7 ][block]ABC7)~"},
            {R"~({% macro m(a, b=2) %}<{{ a }},{{ b }}>{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(b=1, a=2) }}{{ m() }}{% macro w() %}({{ caller() }}){% endmacro %}{% call w() %}in {{ n }}{% endcall %})~",
             R"~(<1,2><1,3><2,1><,2>(in 7))~"},
            {R"~({% macro fact(k) %}{% if k > 1 %}{{ k * fact(k - 1)|int }}{% else %}1{% endif %}{% endmacro %}{{ fact(5) }})~",
             R"~(120)~"},
            {R"~({{ n is defined }} {{ nothing is undefined }} {{ none is none }} {{ tool is mapping }} {{ words is iterable }} {{ words is string }} {{ 'a' is string }} {{ n is number }} {{ n is odd }} {{ n is divisibleby 7 }} {{ true is boolean }} {{ 'a' is in words }} {{ n is not none }} {{ true is true }} {{ 1 is true }} {{ n is eq(7) }} {{ words is sequence }} {{ 'ab' is lower }})~", R"~(True True True True True False True True True True True True True True False True True True)~"},
            {R"~({{ nothing|default('d') }} {{ ''|default('d') }}|{{ ''|default('d', true) }} {{ '12'|int }} {{ 'x'|int(3) }} {{ '2.5'|float }} {{ 3.7|int }} {{ -3|abs }} {{ 2.567|round(2) }} {{ 2.5|round }} {{ 7|round }} {{ [3,1,2]|max }} {{ [1,2]|sum }} {{ 1.0|string }})~",
             R"~(d |d 12 3 2.5 3 3 2.57 2.0 7 3 3 1.0)~"},
            {R"~({{ 'a\nb\n\nc'|indent }}|{{ 'a\nb'|indent(2, first=true) }}|{{ 'a\n\nb'|indent(1, blank=true) }})~",
             R"~(a
    b

    c|  a
  b|a
 
 b)~"},
            {R"~({{ "a" "b" }} {{ 'a\tb\x41\u00e9\\n' }} {{ '{{ }}' }} {{ {'a': {'b': 1}}.a.b }} {{ "%}" }})~",
             R"~(ab a	bAé\n {{ }} 1 %})~"},
            {R"~({{ strftime_now('%d %b %Y') }} {{ strftime_now is defined }} {{ dict(a=1).a }} {{ -n|abs }} {{ (n)|string ~ 'x' }} {{ not n == 8 }})~",
             R"~(01 Nov 2026 True 1 7 7x True)~"},
            {R"~({% generation %}gen {{ n }}{% endgeneration %} {# comment #}after)~", R"~(gen 7 after)~"},
            {R"~({{ [[1, 2], [3]]|map('sum')|list }} {{ [{'a': {'b': 5}}]|map(attribute='a.b')|first }} {{ [{'a': 1}, {}]|map(attribute='a', default=0)|list }})~",
             R"~([3, 3] 5 [1, 0])~"},
            {R"~(  {% if true %}  
    indented
  {% endif %}
tail)~",
             R"~(  
    indented
tail)~"},
            {R"~(x
   {{- " minus " -}}   
y)~",
             R"~(x minus y)~"},
            {R"~(x {%- if true -%}  y  {%- endif %}  z)~", R"~(xy  z)~"},
            {R"~(a
{%+ if true %} plus {%+ endif %}
b)~",
             R"~(a
 plus b)~"},
            {R"~(a
	{#- c -#}  b  {{ n }}
)~",
             R"~(ab  7)~"},
            {R"~(a
    {% if n %}
  x
    {% else %}
  y
    {% endif %}
b

)~",
             R"~(a
  x
b
)~"},
            {R"~({% for w in words %}
- {{ w }}
    {% endfor %}
end)~",
             R"~(- b
- A
- c
- a
end)~"},
            {"a\r\n{% set q = 1 %}\r\nb",
             R"~(a
b)~"},
            {R"~({{ n }}
x)~",
             R"~(7
x)~"},
            {R"~({% raw %}{{ n }} {% if %} {# x #}{% endraw %}|{%- raw -%}  a {{ b  {%- endraw -%}  z)~",
             R"~({{ n }} {% if %} {# x #}|a {{ bz)~"},
            {R"~(a
  {% raw %}
  {{ x }}
  {% endraw %}
b{%+ raw %} {% x {%+ endraw +%}
c)~",
             R"~(a

  {{ x }}
b {% x 
c)~"},
            {R"~(x{% raw %} {%raw%} {% endrawx %} {%endraw%}y{{ n }})~", R"~(x {%raw%} {% endrawx %} y7)~"},
            {R"~({% with a = 1, b = n + 1 %}{{ a }}{{ b }}{% set n = 3 %}{{ n }}{% endwith %}{{ n }}{{ a is defined }})~",
             R"~(1837False)~"},
            {R"~({% set a = 5 %}{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}{% with %}{{ a }}{% set a = 6 %}{% endwith %}{{ a }})~",
             R"~(1555)~"},
            {R"~({% for i in range(4) %}{% with j = i * 2 %}{% if j == 2 %}{% continue %}{% elif j == 6 %}{% break %}{% endif %}{{ j }}{{ loop.index }}{% endwith %};{% endfor %})~",
             R"~(01;43;)~"},
            {R"~({% set d = {1: 'one', '1': 'text', -2: 'minus'} %}{{ d[1] }} {{ d['1'] }} {{ d[-2] }} {{ d }} {{ 1 in d }} {{ 2 in d }} {{ d[true] }} {{ d[1.0] }} {{ d.get(1) }} {{ d.get(3, 'no') }} {{ d|length }})~",
             R"~(one text minus {1: 'one', '1': 'text', -2: 'minus'} True False one one one no 3)~"},
            {R"~({% set d = {10: 'a', 9: 'b'} %}{{ d|tojson }} {{ d|tojson(sort_keys=true) }} {% for k in d %}{{ k + 1 }},{% endfor %}{% for k, v in d|dictsort %}{{ k }}{{ v }}{% endfor %} {{ d.items()|list }} {{ d == {9: 'b', 10: 'a'} }} {{ d == {'9': 'b', '10': 'a'} }} {{ d[10.5] is defined }})~",
             R"~({"10": "a", "9": "b"} {"9": "b", "10": "a"} 11,10,9b10a [(10, 'a'), (9, 'b')] True False False)~"},
            {R"~({{ '%s is %d, %5.2f|%-6s|%06d|%+d|% d' % ('x', n, 3.14159, 'ab', -42, 5, 6) }})~",
             R"~(x is 7,  3.14|ab    |-00042|+5| 6)~"},
            {R"~({{ '%s' % n }} {{ '%s' % words }} {{ '%s%%' % 50 }} {{ '%(a)s-%(b)03d' % {'a': 'x', 'b': 5} }} {{ '%r %r' % ('q', none) }} {{ '%5s|%-5s|%.2s' % ('日本', 'é', 'Ünï') }})~",
             R"~(7 ['b', 'A', 'c', 'a'] 50% x-005 'q' None    日本|é    |Ün)~"},
            {R"~({{ '%x %X %#x %o %e %G %g %c%c %i' % (255, 255, 255, 8, 12345.678, 1e-10, 0.5, 'é', 65, 3.9) }} {{ '%*d|%.*f|%-*d|' % (5, 42, 1, 2.25, -4, 7) }} {{ '%5.1f|%.0f|%f' % (2.25, 2.5, 1) }})~",
             R"~(ff FF 0xff 10 1.234568e+04 1E-10 0.5 éA 3    42|2.2|7   |   2.2|2|1.000000)~"},
            {R"~({{ '%s, %s!'|format('Hello', text) }} {{ '%(who)s'|format(who=n) }} {{ '%d%%'|format(7) }} {{ 'none'|format }})~",
             R"~(Hello, Ünïcode 日本! 7 7% none)~"},
            {R"~({{ '%s' % {'a': 1} }} {{ '%s' % true }} {{ '%d' % true }} {{ 7 % 4 }} {{ '%s' % ('a',) }} {{ ('%s') % none }} {{ '%+.1e|%010.3f|%-8g|' % (1.0, -2.5, 0.1) }} {{ '%.3d|%5.3d' % (7, 7) }})~",
             R"~({'a': 1} True 1 3 a None +1.0e+00|-00002.500|0.1     | 007|  007)~"},
};

INSTANTIATE_TEST_SUITE_P(Python, TemplateTest, ::testing::ValuesIn(cases));

// Line and column of what a template has wrong.
TEST(TemplateErrorTest, TellsThePlace) {
  constexpr Case wrong[] = {
      {"a\n{{ x | nothing }}", "parse: t:2:8: there is no filter 'nothing' here"},
      {"{% if x %}", "parse: t:1:11: the statement before this has no {% endif %}"},
      {"{% include 'x' %}", "parse: t:1:1: the statement 'include' is not supported"},
      {"{{ x is strange }}", "parse: t:1:9: there is no test 'strange'"},
      {"{{ x.append(1) }}", "parse: t:1:6: there is no method 'append'"},
      {"{{ f(1) }}", "parse: t:1:4: there is no function or macro 'f'"},
      {"{{ ''.__class__ }}", "parse: t:1:7: attribute '__class__' is not allowed"},
      {"{{ 'a", "parse: t:1:4: this string does not end"},
      {"{{ 1", "parse: t:1:1: this expression does not end"},
      {"{# x", "parse: t:1:1: this comment does not end"},
      {"{% endif %}", "parse: t:1:1: 'endif' ends nothing here"},
      {"{% break %}", "parse: t:1:1: 'break' stands in no loop"},
      {"{{ 99999999999999999999 }}", "parse: t:1:4: this number is out of range"},
      {"{{ x }\n}", "parse: t:1:6: '}' closes nothing here"},
      {"{{ words|join(1, 2, 3) }}", "parse: t:1:10: filter 'join' takes 2 arguments here, not 3"},
      {"{{ tool|tojson(colour=1) }}", "parse: t:1:9: filter 'tojson' has no argument 'colour'"},
      {"a\n{% raw %}x", "parse: t:2:1: this raw block has no {% endraw %}"},
      {"{% with 1 %}{% endwith %}", "parse: t:1:9: here should be the name of a variable, not a number"},
      {"{{ 'a'|format(1, b=2) }}",
       "parse: t:1:8: filter 'format' takes arguments with names, or such without, but not both"},
      {"{{ {1.5: 1} }}", "render: t:1:4: a key of a dict must be a string or an integer, and is a float"},
      {"{{ '%s %s' % 1 }}", "render: t:1:4: '%' was given fewer values than the string has places for"},
      {"{{ 'a' % 1 }}", "render: t:1:4: '%' was given more values than the string has places for"},
      {"{{ '%d' % 'x' }}", "render: t:1:4: '%d' needs another value than a string"},
      {"{{ '%(a)s' % {'b': 1} }}", "render: t:1:4: '%' was given no value for 'a'"},
      {"{{ '%(a' % {'b': 1} }}", "render: t:1:4: a name in a string before '%' does not end"},
      {"{{ '%y' % 1 }}", "render: t:1:4: '%y' in a string before '%' is not supported"},
      {"{{ '%' % 1 }}", "render: t:1:4: a string before '%' ends inside a directive"},
      {"x\n  {{ missing.name }}", "render: t:2:6: 'missing' is undefined, so it has no attribute 'name'"},
      {"{{ raise_exception('no') }}", "render: t:1:4: the template refuses this conversation: no"},
      {"{{ 'a' + 1 }}", "render: t:1:4: '+' is not possible between a string and an integer"},
      {"{{ 1 // 0 }}", "render: t:1:4: division by zero"},
      {"{{ words['x']['y'] }}", "render: t:1:4: 'words['x']' is undefined, so it has no items"},
  };
  for (const Case& c : wrong) EXPECT_EQ(rendered(c.source), c.expected) << c.source;
}

TEST(TemplateErrorTest, JsonHasAPlaceToo) {
  const Expected<Value> value = from_json("{\"a\": 1,\n \"b\": }");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().where.line, 2);
  EXPECT_THAT(value.error().message, HasSubstr("this is no JSON"));
  EXPECT_THAT(from_json("[99999999999999999999]").error().message, HasSubstr("64 bits"));
  EXPECT_THAT(from_json(std::string(200, '[')).error().message, HasSubstr("too many levels"));
}

}  // namespace
}  // namespace tern::runtime::jinja
