#include "runtime/grammar/json_schema.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "runtime/grammar/byte_automaton.h"

namespace tern::runtime {
namespace {

using nlohmann::json;

ByteAutomaton automaton_of(const json& schema) {
  Expected<GrammarRules> grammar = json_schema_grammar(schema);
  EXPECT_TRUE(grammar) << grammar.error().text() << " " << schema;
  GrammarRules rules = grammar ? grammar.take() : GrammarRules{{{}}, 0};
  EXPECT_TRUE(prune(rules)) << schema;
  return ByteAutomaton(rules);
}

// Whether each of the texts is one of the grammar's.
void expect(const json& schema, const std::vector<std::string>& right,
            const std::vector<std::string>& wrong) {
  ByteAutomaton automaton = automaton_of(schema);
  for (const std::string& text : right)
    EXPECT_TRUE(automaton.accepts(automaton.next(automaton.start(), text))) << schema << " " << text;
  for (const std::string& text : wrong)
    EXPECT_FALSE(automaton.accepts(automaton.next(automaton.start(), text))) << schema << " " << text;
}

TEST(JsonSchema, Types) {
  expect({{"type", "null"}}, {"null"}, {"", "nul", "nulll", "\"null\""});
  expect({{"type", "boolean"}}, {"true", "false"}, {"True", "0"});
  expect({{"type", "integer"}}, {"0", "-1", "12345", "999999999999999"},
         {"01", "-0", "1.0", "1e3", "+1", "-"});
  expect({{"type", "number"}}, {"0", "-0.5", "12.25"}, {"1.", ".5", "00", "1e", "--1"});
  expect({{"type", json::array({"null", "boolean"})}}, {"null", "true"}, {"1", "\"\""});
  expect(true, {"[1, {\"a\":[]}]", "\"x\"", "-1"}, {"[1,]", "{a:1}", "[1", ""});
}

TEST(JsonSchema, Strings) {
  const json any = {{"type", "string"}};
  expect(any, {"\"\"", "\"h\xc3\xbc\"", "\"\\n\\u00e4\\\"\"", "\"\xf0\x9f\x8c\xb3\""},
         {"\"", "\"\n\"", "\"\\x\"", "\"\xc3\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\\ud800\""});
  const json some = {{"type", "string"}, {"minLength", 2}, {"maxLength", 3}};
  expect(some, {"\"ab\"", "\"\xe2\x82\xac\xc3\xbc\"", "\"\\u0041bc\""}, {"\"a\"", "\"abcd\"", "\"\""});
}

TEST(JsonSchema, IntegersInARange) {
  std::mt19937 random(1);
  for (int i = 0; i < 60; ++i) {
    int64_t least = static_cast<int64_t>(random() % 4000) - 2000,
            most = least + static_cast<int64_t>(random() % 1500);
    if (i % 7 == 0) least = most;
    ByteAutomaton automaton = automaton_of({{"type", "integer"}, {"minimum", least}, {"maximum", most}});
    for (int64_t value = -4000; value <= 4000; ++value) {
      const bool accepted = automaton.accepts(automaton.next(automaton.start(), std::to_string(value)));
      ASSERT_EQ(accepted, value >= least && value <= most) << value << " from " << least << " to " << most;
    }
  }
  expect({{"type", "integer"}, {"exclusiveMinimum", 0}, {"maximum", 2.5}}, {"1", "2"}, {"0", "3", "-1"});
}

TEST(JsonSchema, Objects) {
  const json schema = {
      {"type", "object"},
      {"properties", {{"a", {{"type", "null"}}}, {"b", {{"type", "null"}}}, {"c", {{"type", "null"}}}}},
      {"required", {"b"}}};
  expect(schema,
         {"{\"b\":null}", "{\"a\":null,\"b\":null}", "{\"b\": null, \"c\":null}",
          "{\"a\":null,\"b\":null,\"c\":null}"},
         {"{}", "{\"a\":null}", "{\"b\":1}", "{\"b\":null,}", "{,\"b\":null}", "{\"b\":null,\"b\":null}",
          "{\"c\":null}"});
  expect({{"type", "object"}}, {"{}", "{\"x\":[1]}"}, {"[]"});
  expect({{"type", "object"}, {"additionalProperties", {{"type", "integer"}}}}, {"{}", "{\"x\":1, \"y\":2}"},
         {"{\"x\":\"\"}"});
  expect({{"type", "object"}, {"additionalProperties", false}}, {"{}"}, {"{\"x\":1}"});
  expect({{"type", "object"}, {"required", {"z"}}}, {"{\"z\":5}"}, {"{}"});
}

TEST(JsonSchema, Arrays) {
  const json schema = {{"type", "array"}, {"items", {{"const", 1}}}, {"minItems", 1}, {"maxItems", 3}};
  expect(schema, {"[1]", "[1,1]", "[1, 1,1]"}, {"[]", "[1,1,1,1]", "[2]", "[1,]"});
  expect({{"type", "array"}, {"items", {{"const", 1}}}, {"minItems", 2}}, {"[1,1]", "[1,1,1,1,1]"},
         {"[]", "[1]"});
  expect({{"type", "array"}, {"items", false}}, {"[]"}, {"[1]"});
}

TEST(JsonSchema, ChoicesAndReferences) {
  expect({{"enum", {"a\"b", 2, nullptr, {{"x", 1}}}}}, {"\"a\\\"b\"", "2", "null", "{\"x\":1}"},
         {"3", "\"a\""});
  expect({{"anyOf", {{{"type", "null"}}, {{"const", 5}}}}}, {"null", "5"}, {"6"});
  expect({{"oneOf", {{{"type", "null"}}, {{"type", "integer"}}}}}, {"null", "5"}, {"\"\""});
  const json tree = {{"$defs", {{"tree", {{"type", "array"}, {"items", {{"$ref", "#/$defs/tree"}}}}}}},
                     {"$ref", "#/$defs/tree"}};
  expect(tree, {"[]", "[[],[[]]]"}, {"[1]", "[[]"});
}

TEST(JsonSchema, RefusesWhatItCannotEnforce) {
  const json string = {{"type", "string"}};
  const std::vector<json> outside = {
      {{"type", "string"}, {"pattern", "a"}},
      {{"type", "string"}, {"format", "email"}},
      {{"type", "number"}, {"minimum", 1}},
      {{"type", "integer"}, {"multipleOf", 2}},
      {{"type", "array"}, {"uniqueItems", true}},
      {{"type", "array"}, {"prefixItems", {string}}},
      {{"type", "array"}, {"contains", string}},
      {{"type", "object"}, {"patternProperties", {{"a", string}}}},
      {{"type", "object"}, {"minProperties", 1}},
      {{"type", "string"}, {"minItems", 1}},
      {{"properties", {{"a", string}}}},
      {{"not", string}},
      {{"allOf", {string}}},
      {{"if", string}, {"then", string}},
      {{"oneOf", {string, {{"type", "string"}, {"maxLength", 3}}}}},
      {{"anyOf", {string}}, {"type", "string"}},
      {{"$ref", "http://example.org/schema"}},
      {{"$ref", "#/nowhere"}},
      {{"type", "text"}},
      {{"type", "string"}, {"maxLength", 1000000}},
      {{"type", "string"}, {"maxLength", -1}},
      {{"surprise", 1}},
      json(5),
  };
  for (const json& schema : outside) {
    EXPECT_FALSE(json_schema_grammar(schema)) << schema;
    EXPECT_FALSE(json_schema_grammar({{"type", "array"}, {"items", schema}})) << schema;
  }
}

TEST(JsonSchema, SchemasWithoutAFiniteValueHaveNoText) {
  for (const json& schema :
       std::vector<json>{false,
                         {{"enum", json::array()}},
                         {{"$ref", "#"}},
                         {{"type", "object"}, {"properties", {{"a", {{"$ref", "#"}}}}}, {"required", {"a"}}},
                         {{"type", "integer"}, {"minimum", 3}, {"maximum", 2}},
                         {{"type", "array"}, {"items", false}, {"minItems", 1}}}) {
    GrammarRules rules = json_schema_grammar(schema).take();
    EXPECT_FALSE(prune(rules)) << schema;
  }
}

}  // namespace
}  // namespace tern::runtime
