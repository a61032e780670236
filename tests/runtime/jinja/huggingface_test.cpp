// 200 random conversations by each template, equal byte for byte to npm's @huggingface/jinja. The package is
// fetched into the tests' folder; without node, npm or a network the test is skipped. Templates of models are
// not ours to distribute: those in the folder that TERN_CHAT_TEMPLATES names are compared too.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "runtime/chat/builtin_templates.h"
#include "runtime/jinja/template.h"
#include "runtime/jinja/values/value_text.h"

namespace tern::runtime::jinja {
namespace {

namespace fs = std::filesystem;

constexpr const char* script = R"(import { Template } from "@huggingface/jinja";
import fs from "fs";
const lines = fs.readFileSync(process.argv[2], "utf8").split("\n").filter((line) => line);
fs.writeFileSync(process.argv[3], lines.map((line) => {
  const { template, variables } = JSON.parse(line);
  try { return JSON.stringify({ text: new Template(template).render(variables) }); }
  catch (error) { return JSON.stringify({ error: String(error) }); }
}).join("\n"));
)";

std::string json(const Value& value) {
  Budget budget{Limits{}};
  const Expected<std::string> text = to_json(value, {}, budget);
  return text ? *text : std::string();
}

// A conversation as chats have them: a system text or none, turns, thoughts.
class Talk {
 public:
  explicit Talk(unsigned seed) : random_(seed) {}

  Dict variables() {
    std::vector<Value> messages;
    if (below(2)) messages.push_back(message("system"));
    const size_t turns = 1 + below(4);
    for (size_t turn = 0; turn < turns; ++turn) {
      messages.push_back(message("user"));
      if (turn + 1 < turns) messages.push_back(message("assistant"));
    }
    Dict variables;
    variables.set("messages", Value::list(std::move(messages)));
    variables.set("add_generation_prompt", Value::boolean(below(3) > 0));
    variables.set("bos_token", Value::string("<s>"));
    variables.set("eos_token", Value::string("</s>"));
    if (below(3) == 0) variables.set("enable_thinking", Value::boolean(below(2)));
    return variables;
  }

 private:
  size_t below(size_t end) { return random_() % end; }

  std::string text() {
    // The package's lstrip and rstrip take all white space whatever they are told to take, unlike Python's:
    // no word begins with white space where a template strips line ends.
    static constexpr const char* words[] = {"hello",
                                            "Ünïcödé",
                                            "日本語",
                                            "🙂 ok",
                                            "\"quoted\"",
                                            "it's",
                                            "\\back",
                                            "{{ x }}",
                                            "{% y %}",
                                            "a\n\n  b\tc",
                                            "<|im_end|>",
                                            "a<b",
                                            "<think>\nhm\n</think>\n\nwell"};
    std::string all = "So ";
    for (size_t count = below(6); count > 0; --count)
      all += std::string(words[below(std::size(words))]) + ' ';
    return all;
  }

  Value message(const std::string& role) {
    Dict message;
    message.set("role", Value::string(role));
    message.set("content", Value::string(text()));
    if (role == "assistant" && below(3) == 0) message.set("reasoning_content", Value::string("it is\nso"));
    return Value::dict(std::move(message));
  }

  std::mt19937 random_;
};

// Made up: what real templates are made of, and nothing that the package does otherwise than Python (how it
// prints booleans and tuples, and what a loop printed before it was left).
constexpr std::string_view made_up[] = {
    R"({%- macro turn(m, end='.') -%}
<{{ m.role | upper }}>{{ m['content'] | trim | replace('o', '0') }}{{ end }}
{%- endmacro -%}
{%- set ns = namespace(count=0, last='') -%}
{%- for m in messages | rejectattr('role', 'equalto', 'system') -%}
  {%- set ns.count = ns.count + 1 -%}
  {%- set ns.last = m.content -%}
  {{ turn(m, end='!') if loop.first else turn(m) }}
  {%- if not loop.last %}{{ loop.index ~ '/' ~ loop.length }};{% endif -%}
{%- endfor -%}
{{ ns.count }}{{ ns.last[:3] }}{{ messages | map(attribute='role') | join(',') }})",
    R"({% set system = messages | selectattr('role', 'equalto', 'system') | list %}
{% if system | length > 0 and messages[0].role == 'system' %}
  {{ system[0].content | trim | tojson }}
{% elif messages[1:] %}
none, {{ messages | length }}
{% else %}
one
{% endif %}
{%- for i in range(3) %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}
{% for m in messages[::-1] %}
{% if loop.index > 2 %}{% break %}{% endif %}
{{ loop.index0 }}{{ loop.revindex }} {{ m.content.split(' ')[0] }} {{ 'long' if m.content | length > 9 }}
{% endfor %})",
    R"({%- set d = {'user': 'U', 'assistant': 'A', 'system': 'S'} -%}
{%- for m in messages %}
{{- d[m.role] ~ ': ' ~ (m.content if m.content is string else '') ~ '\n' }}
{%- filter upper %} {{ d.get(m.role) }}{{ 1 if m.role in d else 0 }} {% endfilter %}
{%- set text %}[{{ m.content | upper | lower }}]{% endset %}
{{- text -}}
{%- endfor %}
{%- for k, v in d.items() %}{{ k }}={{ v }} {% endfor %}
{{- [3, 1, 2] | sort | reverse | join('-') }} {{ 7 // 2 }} {{ 7 % 4 }} {{ -1 | abs }} {{ 1.5 + 2 }}
{%- if add_generation_prompt is true and bos_token is defined %}{{ bos_token + eos_token }}{% endif %})",
};

std::vector<std::pair<std::string, std::string>> templates() {
  std::vector<std::pair<std::string, std::string>> all;
  for (const BuiltinTemplate& entry : builtin_templates()) all.emplace_back(entry.name, entry.source);
  for (const std::string_view source : made_up)
    all.emplace_back(fmt::format("made up, {}", all.size()), std::string(source));
  const char* folder = std::getenv("TERN_CHAT_TEMPLATES");
  if (folder == nullptr) return all;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    std::ifstream in(entry.path(), std::ios::binary);
    all.emplace_back(entry.path().filename(), std::string(std::istreambuf_iterator<char>(in), {}));
  }
  return all;
}

TEST(HuggingFaceTest, RandomConversationsAreEqual) {
  const fs::path folder = fs::path(::testing::TempDir()) / "tern_huggingface_jinja";
  fs::create_directories(folder);
  const std::string in = folder, quiet = " >/dev/null 2>&1";
  if (!fs::exists(folder / "node_modules/@huggingface/jinja")) {
    const std::string install = fmt::format(
        "cd '{}' && timeout 60 npm install --no-audit --no-fund --fetch-retries 0 --fetch-timeout 10000 "
        "@huggingface/jinja@0.5.11{}",
        in, quiet);
    if (std::system(("node --version" + quiet).c_str()) != 0) GTEST_SKIP() << "node is not there";
    if (std::system(install.c_str()) != 0) GTEST_SKIP() << "npm could not fetch @huggingface/jinja";
  }
  std::ofstream(folder / "render.mjs") << script;
  for (const auto& [name, source] : templates()) {
    const Expected<Template> made = Template::parse(source, name);
    ASSERT_TRUE(made) << made.error().text();
    std::vector<Dict> conversations;
    {
      std::ofstream lines(folder / "lines");
      for (unsigned seed = 0; seed < 200; ++seed) {
        conversations.push_back(Talk(seed).variables());
        Dict line;
        line.set("template", Value::string(source));
        line.set("variables", Value::dict(conversations.back()));
        lines << json(Value::dict(std::move(line))) << '\n';
      }
    }
    const std::string render = fmt::format("cd '{}' && node render.mjs lines texts", in);
    ASSERT_EQ(std::system(render.c_str()), 0);
    std::ifstream texts(folder / "texts");
    std::string line;
    for (const Dict& variables : conversations) {
      ASSERT_TRUE(std::getline(texts, line));
      const Expected<Value> theirs = from_json(line);
      ASSERT_TRUE(theirs);
      const Expected<std::string> ours = made->render(variables);
      const Value* text = theirs->as_dict().find("text");
      EXPECT_EQ(bool(ours), text != nullptr) << name << line << (ours ? "" : ours.error().text());
      if (ours && text != nullptr) {
        EXPECT_EQ(*ours, text->as_string()) << name;
      }
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace tern::runtime::jinja
