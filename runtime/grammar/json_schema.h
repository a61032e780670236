// A JSON Schema as a grammar of the JSON texts that it allows.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/expected.h"
#include "runtime/grammar/grammar_rules.h"

namespace tern::runtime {

// The grammar of a schema (draft 2020-12). Every text of the grammar is valid; not every valid text is in it:
// - properties come in alphabetical order, required ones that `properties` does not have after them, and no
//   others; an object without either may have any;
// - there is at most one space, behind a colon or a comma;
// - numbers have up to 15 digits before the point and as many behind it, and no exponent;
// - letters beyond the basic plane are not written as pairs of \u.
// Read are: type, enum, const; properties, required, additionalProperties; items, minItems, maxItems;
// minLength, maxLength (up to 4096); minimum, maximum, exclusiveMinimum, exclusiveMaximum of integers; anyOf;
// oneOf, if no value can fit two of its schemas by their types or constants; $ref within the schema, $defs.
// Annotations are ignored. Errors: every other keyword, by its name; a schema that is no schema.
Expected<GrammarRules> json_schema_grammar(const nlohmann::json& schema);

// All objects.
GrammarRules json_object_grammar();

}  // namespace tern::runtime
