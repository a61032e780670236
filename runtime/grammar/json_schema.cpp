#include "runtime/grammar/json_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "runtime/grammar/json_text_rules.h"

namespace tern::runtime {
namespace {

using Json = nlohmann::json;

constexpr int64_t most_repetitions = 4096;
constexpr size_t most_rules = 200000;
constexpr int64_t largest_integer = 999'999'999'999'999;

const std::set<std::string, std::less<>> annotations = {
    "title",   "description", "default",  "examples",  "$schema", "$id",        "$comment",
    "$anchor", "deprecated",  "readOnly", "writeOnly", "$defs",   "definitions"};

bool is_integer(const Json& value) {
  return value.is_number_integer() ||
         (value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>());
}

bool has_type(const Json& value, const std::string& type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "string") return value.is_string();
  if (type == "number") return value.is_number();
  if (type == "integer") return is_integer(value);
  if (type == "array") return value.is_array();
  return type == "object" && value.is_object();
}

class Compiler {
 public:
  explicit Compiler(const Json& root) : root_(root), json_(add_json_rules(grammar_)) {}

  Expected<GrammarRules> compile() {
    TERN_ASSIGN(grammar_.root, rule_of(root_, "#"));
    return std::move(grammar_);
  }

 private:
  // The rule of the values that a schema allows. Where the schema refers to itself, the same rule.
  Expected<int> rule_of(const Json& schema, const std::string& where) {
    const auto known = by_schema_.find(&schema);
    if (known != by_schema_.end()) return known->second;
    if (grammar_.rules.size() > most_rules) return Error{"the schema is too large"};
    const int rule = grammar_.add({});
    by_schema_[&schema] = rule;
    TERN_ASSIGN(std::vector<GrammarSequence> alternatives, alternatives_of(schema, where));
    grammar_.rules[static_cast<size_t>(rule)] = std::move(alternatives);
    return rule;
  }

  static std::vector<GrammarSequence> only(int rule) {
    GrammarSequence sequence;
    append_rule(sequence, rule);
    return {std::move(sequence)};
  }

  // Refuses a keyword that is not in the list.
  static Status only_keywords(const Json& schema, const std::set<std::string, std::less<>>& keywords,
                              const std::string& where) {
    for (const auto& [name, value] : schema.items()) {
      if (!annotations.contains(name) && !keywords.contains(name))
        return Error{fmt::format("{}: '{}' is not supported here", where, name)};
    }
    return {};
  }

  Expected<std::vector<GrammarSequence>> alternatives_of(const Json& schema, const std::string& where) {
    if (schema.is_boolean()) {
      if (schema.get<bool>()) return only(json_.value);
      return std::vector<GrammarSequence>();
    }
    if (!schema.is_object()) return Error{fmt::format("{}: a schema is an object", where)};
    if (schema.contains("$ref")) {
      TERN_TRY(only_keywords(schema, {"$ref"}, where));
      TERN_ASSIGN(const Json* target, find_reference(schema["$ref"], where));
      TERN_ASSIGN(const int rule, rule_of(*target, schema["$ref"].get<std::string>()));
      return only(rule);
    }
    for (const char* name : {"anyOf", "oneOf"}) {
      if (schema.contains(name)) return any_of(schema, name, where);
    }
    if (schema.contains("const") || schema.contains("enum")) return constants(schema, where);
    if (!schema.contains("type")) {
      TERN_TRY(only_keywords(schema, {}, where));
      return only(json_.value);
    }
    return typed(schema, where);
  }

  Expected<const Json*> find_reference(const Json& reference, const std::string& where) {
    if (!reference.is_string() || !reference.get_ref<const std::string&>().starts_with('#'))
      return Error{fmt::format("{}: '$ref' may refer to places in the same schema, as #/$defs/NAME", where)};
    try {
      const Json::json_pointer pointer(reference.get_ref<const std::string&>().substr(1));
      if (root_.contains(pointer)) return &root_.at(pointer);
    } catch (const Json::exception&) {  // no pointer
    }
    return Error{fmt::format("{}: '$ref' leads nowhere: {}", where, reference.get_ref<const std::string&>())};
  }

  Expected<std::vector<GrammarSequence>> any_of(const Json& schema, const std::string& name,
                                                const std::string& where) {
    TERN_TRY(only_keywords(schema, {name}, where));
    const Json& list = schema[name];
    if (!list.is_array() || list.empty()) return Error{fmt::format("{}: '{}' must be a list", where, name)};
    std::vector<GrammarSequence> alternatives;
    for (size_t i = 0; i < list.size(); ++i) {
      for (size_t j = 0; name == "oneOf" && j < i; ++j) {
        if (!are_apart(list[i], list[j]))
          return Error{
              fmt::format("{}: 'oneOf' is not supported here: a value may fit schemas {} and {}; "
                          "anyOf is",
                          where, j, i)};
      }
      TERN_ASSIGN(const int rule, rule_of(list[i], fmt::format("{}/{}/{}", where, name, i)));
      append_rule(alternatives.emplace_back(), rule);
    }
    return alternatives;
  }

  // Whether certainly no value fits both.
  static bool are_apart(const Json& a, const Json& b) {
    const auto types = [](const Json& schema) {
      std::set<std::string> set;
      if (!schema.is_object()) return set;
      const auto add = [&](std::string type) { set.insert(type == "integer" ? "number" : std::move(type)); };
      if (schema.contains("const")) {
        for (const char* type : {"null", "boolean", "string", "number", "array", "object"})
          if (has_type(schema["const"], type)) add(type);
      } else if (schema.contains("type") && schema["type"].is_string()) {
        add(schema["type"]);
      }
      return set;
    };
    const std::set<std::string> of_a = types(a), of_b = types(b);
    if (of_a.empty() || of_b.empty()) return false;
    if (a.contains("const") && b.contains("const")) return a["const"] != b["const"];
    return *of_a.begin() != *of_b.begin();
  }

  Expected<std::vector<GrammarSequence>> constants(const Json& schema, const std::string& where) {
    TERN_TRY(only_keywords(schema, {"const", "enum", "type"}, where));
    std::vector<Json> values;
    if (schema.contains("const")) values.push_back(schema["const"]);
    if (schema.contains("enum")) {
      if (!schema["enum"].is_array()) return Error{fmt::format("{}: 'enum' must be a list", where)};
      const auto& list = schema["enum"];
      if (schema.contains("const"))
        std::erase_if(values,
                      [&](const Json& value) { return std::ranges::find(list, value) == list.end(); });
      else
        values.assign(list.begin(), list.end());
    }
    if (schema.contains("type")) {
      TERN_ASSIGN(const std::vector<std::string> types, types_of(schema, where));
      std::erase_if(values, [&](const Json& value) {
        return std::ranges::none_of(types, [&](const std::string& type) { return has_type(value, type); });
      });
    }
    std::vector<GrammarSequence> alternatives;
    for (const Json& value : values) append_text(alternatives.emplace_back(), value.dump());
    return alternatives;
  }

  static Expected<std::vector<std::string>> types_of(const Json& schema, const std::string& where) {
    const Json& type = schema["type"];
    std::vector<std::string> types;
    for (const Json& each : type.is_array() ? type : Json::array({type})) {
      static const std::set<std::string> known = {"null",    "boolean", "string", "number",
                                                  "integer", "array",   "object"};
      if (!each.is_string() || !known.contains(each.get<std::string>()))
        return Error{fmt::format("{}: 'type' is no type", where)};
      types.push_back(each);
    }
    return types;
  }

  Expected<std::vector<GrammarSequence>> typed(const Json& schema, const std::string& where) {
    TERN_ASSIGN(const std::vector<std::string> types, types_of(schema, where));
    std::set<std::string, std::less<>> keywords = {"type"};
    const auto allow = [&](std::initializer_list<const char*> names) {
      keywords.insert(names.begin(), names.end());
    };
    std::vector<GrammarSequence> alternatives;
    for (const std::string& type : types) {
      int rule = json_.value;
      if (type == "null") rule = json_.null;
      if (type == "boolean") rule = json_.boolean;
      if (type == "number") rule = json_.number;
      if (type == "integer") {
        allow({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"});
        // With "number" beside it the bounds would have to hold for fractions too.
        if (std::ranges::find(types, "number") != types.end())
          return Error{where + ": an integer is a number"};
        TERN_ASSIGN(rule, integer_rule(schema, where));
      }
      if (type == "string") {
        allow({"minLength", "maxLength"});
        TERN_ASSIGN(rule, string_rule(schema, where));
      }
      if (type == "array") {
        allow({"items", "minItems", "maxItems"});
        TERN_ASSIGN(rule, array_rule(schema, where));
      }
      if (type == "object") {
        allow({"properties", "required", "additionalProperties"});
        TERN_ASSIGN(rule, object_rule(schema, where));
      }
      append_rule(alternatives.emplace_back(), rule);
    }
    TERN_TRY(only_keywords(schema, keywords, where));
    return alternatives;
  }

  // A bound that counts something; nothing if the keyword is missing.
  static Expected<std::optional<int64_t>> count_of(const Json& schema, const char* name,
                                                   const std::string& where) {
    if (!schema.contains(name)) return std::optional<int64_t>();
    const Json& value = schema[name];
    if (!is_integer(value) || value.get<double>() < 0)
      return Error{fmt::format("{}: '{}' must be a count", where, name)};
    if (value.get<double>() > static_cast<double>(most_repetitions))
      return Error{fmt::format("{}: '{}' may be {} at most here", where, name, most_repetitions)};
    return std::optional<int64_t>(static_cast<int64_t>(value.get<double>()));
  }

  // `least` to `most` (any number, if there is no bound) texts of a rule, with `between` between them.
  int repeated(int rule, int64_t least, std::optional<int64_t> most, std::optional<int> between) {
    const auto item = [&](bool is_first) {
      GrammarSequence sequence;
      if (between && !is_first) append_rule(sequence, *between);
      append_rule(sequence, rule);
      return sequence;
    };
    // `rest`: what may follow `count` items.
    int rest;
    int64_t count = least;
    if (most) {
      rest = grammar_.add({{}});
      for (count = *most; count > least; --count) {
        GrammarSequence longer = item(count == 1);
        append_rule(longer, rest);
        rest = grammar_.add({{}, std::move(longer)});
      }
    } else {
      rest = grammar_.add({});
      GrammarSequence longer = item(false);
      append_rule(longer, rest);
      grammar_.rules[static_cast<size_t>(rest)] = {{}, std::move(longer)};
      if (least == 0) {
        GrammarSequence first = item(true);
        append_rule(first, rest);
        rest = grammar_.add({{}, std::move(first)});
      }
    }
    for (; count > 0; --count) {
      GrammarSequence longer = item(count == 1);
      append_rule(longer, rest);
      rest = grammar_.add({std::move(longer)});
    }
    return rest;
  }

  Expected<int> string_rule(const Json& schema, const std::string& where) {
    TERN_ASSIGN(const std::optional<int64_t> least, count_of(schema, "minLength", where));
    TERN_ASSIGN(const std::optional<int64_t> most, count_of(schema, "maxLength", where));
    if (!least && !most) return json_.string;
    if (least && most && *least > *most) return grammar_.add({});
    GrammarSequence sequence;
    append_text(sequence, "\"");
    append_rule(sequence, repeated(json_.character, least.value_or(0), most, std::nullopt));
    append_text(sequence, "\"");
    return grammar_.add({std::move(sequence)});
  }

  Expected<int> array_rule(const Json& schema, const std::string& where) {
    TERN_ASSIGN(const std::optional<int64_t> least, count_of(schema, "minItems", where));
    TERN_ASSIGN(const std::optional<int64_t> most, count_of(schema, "maxItems", where));
    if (least && most && *least > *most) return grammar_.add({});
    int item = json_.value;
    if (schema.contains("items")) {
      TERN_ASSIGN(item, rule_of(schema["items"], where + "/items"));
    }
    GrammarSequence sequence;
    append_text(sequence, "[");
    append_rule(sequence, repeated(item, least.value_or(0), most, json_.comma));
    append_text(sequence, "]");
    return grammar_.add({std::move(sequence)});
  }

  Expected<int> integer_rule(const Json& schema, const std::string& where) {
    int64_t least = -largest_integer, most = largest_integer;
    for (const char* name : {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}) {
      if (!schema.contains(name)) continue;
      if (!schema[name].is_number()) return Error{fmt::format("{}: '{}' must be a number", where, name)};
      const double bound = schema[name].get<double>();
      const bool is_exclusive = name[0] == 'e';
      const bool is_least = std::string_view(name).ends_with("inimum");
      // Beyond 15 digits a bound either does not matter or leaves nothing.
      const double limit = static_cast<double>(largest_integer) + 1;
      const auto whole =
          static_cast<int64_t>(std::clamp(is_least ? std::ceil(bound) : std::floor(bound), -limit, limit));
      const bool is_bound = is_exclusive && static_cast<double>(whole) == bound;
      if (is_least)
        least = std::max(least, whole + (is_bound ? 1 : 0));
      else
        most = std::min(most, whole - (is_bound ? 1 : 0));
    }
    return add_integers(grammar_, least, most);
  }

  Expected<int> object_rule(const Json& schema, const std::string& where) {
    std::vector<std::string> required;
    if (schema.contains("required")) {
      if (!schema["required"].is_array()) return Error{fmt::format("{}: 'required' must be a list", where)};
      for (const Json& name : schema["required"]) {
        if (!name.is_string()) return Error{fmt::format("{}: 'required' must have names", where)};
        required.push_back(name);
      }
    }
    static const Json anything = true;
    const Json& others = schema.contains("additionalProperties") ? schema["additionalProperties"] : anything;
    if (schema.contains("properties") && !schema["properties"].is_object())
      return Error{fmt::format("{}: 'properties' must be an object", where)};
    const Json none = Json::object();
    const Json& properties = schema.contains("properties") ? schema["properties"] : none;
    struct Member {
      std::string name;
      int rule;
      bool is_required;
    };
    std::vector<Member> members;
    for (const auto& [name, value] : properties.items()) {
      TERN_ASSIGN(const int rule, rule_of(value, fmt::format("{}/properties/{}", where, name)));
      members.push_back({name, rule, std::ranges::find(required, name) != required.end()});
    }
    for (const std::string& name : required) {
      const auto is_it = [&](const Member& member) { return member.name == name; };
      if (std::ranges::any_of(members, is_it)) continue;
      TERN_ASSIGN(const int rule, rule_of(others, where + "/additionalProperties"));
      members.push_back({name, rule, true});
    }
    int inside;
    if (members.empty()) {
      TERN_ASSIGN(const int value, rule_of(others, where + "/additionalProperties"));
      GrammarSequence member;
      append_rule(member, json_.string);
      append_rule(member, json_.colon);
      append_rule(member, value);
      inside = repeated(grammar_.add({std::move(member)}), 0, std::nullopt, json_.comma);
    } else {
      // From the last member on: what may follow before any member, and behind one.
      int before = grammar_.add({{}}), behind = before;
      for (size_t i = members.size(); i-- > 0;) {
        GrammarSequence first, next;
        append_rule(next, json_.comma);
        for (GrammarSequence* sequence : {&first, &next}) {
          append_text(*sequence, Json(members[i].name).dump());
          append_rule(*sequence, json_.colon);
          append_rule(*sequence, members[i].rule);
          append_rule(*sequence, behind);
        }
        std::vector<GrammarSequence> firsts = {std::move(first)}, nexts = {std::move(next)};
        if (!members[i].is_required) {
          append_rule(firsts.emplace_back(), before);
          append_rule(nexts.emplace_back(), behind);
        }
        before = grammar_.add(std::move(firsts));
        behind = grammar_.add(std::move(nexts));
      }
      inside = before;
    }
    GrammarSequence sequence;
    append_text(sequence, "{");
    append_rule(sequence, inside);
    append_text(sequence, "}");
    return grammar_.add({std::move(sequence)});
  }

  const Json& root_;
  GrammarRules grammar_;
  const JsonRules json_;
  std::map<const Json*, int> by_schema_;
};

}  // namespace

Expected<GrammarRules> json_schema_grammar(const Json& schema) {
  return Compiler(schema).compile();
}

GrammarRules json_object_grammar() {
  GrammarRules grammar;
  grammar.root = add_json_rules(grammar).object;
  return grammar;
}

}  // namespace tern::runtime
