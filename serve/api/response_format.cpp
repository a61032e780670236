#include "serve/api/response_format.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "runtime/grammar/json_schema.h"
#include "serve/api/json_text.h"

namespace tern::serve {
namespace {

using nlohmann::json;

Expected<std::shared_ptr<runtime::TokenGrammar>> grammar_of(const json* schema, const Service& service) {
  const std::string key = schema != nullptr ? json_text(*schema) : "object";
  const auto known = service.grammars.find(key);
  if (known != service.grammars.end()) return known->second;
  runtime::GrammarRules rules;
  if (schema != nullptr) {
    TERN_ASSIGN(rules, runtime::json_schema_grammar(*schema));
  } else {
    rules = runtime::json_object_grammar();
  }
  if (!service.tokens) service.tokens = std::make_shared<runtime::TokenTree>(service.engine.tokenizer());
  TERN_ASSIGN(std::shared_ptr<runtime::TokenGrammar> grammar,
              runtime::TokenGrammar::make(std::move(rules), service.tokens));
  // Answers that run keep theirs.
  if (service.grammars.size() >= service.limits.grammars) service.grammars.clear();
  service.grammars[key] = grammar;
  return grammar;
}

}  // namespace

std::shared_ptr<runtime::TokenGrammar> read_response_format(Fields& fields, std::optional<ApiError>& error,
                                                            const Service& service) {
  const json* format = fields.find("response_format");
  if (format == nullptr) return nullptr;
  Fields inner(*format, "response_format.", error);
  const std::string type = inner.text("type");
  const json* schema = nullptr;
  if (type == "json_schema") {
    if (const json* named = inner.find("json_schema")) {
      Fields parts(*named, "response_format.json_schema.", error);
      schema = parts.find("schema");
      parts.ignore({"name", "description", "strict"});  // it is strict in any case
      parts.finish();
    }
    if (schema == nullptr) inner.fail("json_schema", "response_format.json_schema.schema is missing");
  } else if (type != "text" && type != "json_object") {
    inner.fail("type", "response_format.type must be text, json_object or json_schema");
  }
  inner.finish();
  if (error || type == "text") return nullptr;
  Expected<std::shared_ptr<runtime::TokenGrammar>> grammar = grammar_of(schema, service);
  if (grammar) return grammar.take();
  fields.fail("response_format", fmt::format("response_format: {}", grammar.error().text()),
              "unsupported_schema");
  return nullptr;
}

}  // namespace tern::serve
