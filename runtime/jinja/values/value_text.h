// Values as texts: as {{ }} prints them, and as JSON.
#pragma once

#include <string>
#include <string_view>

#include "base/expected.h"
#include "runtime/jinja/values/budget.h"
#include "runtime/jinja/values/value.h"

namespace tern::runtime::jinja {

// What {{ value }} prints: Python's str(), so "True", "None", "1.0", "['a', 1]"; nothing for what is
// undefined. Stops early, and notes it in the budget, where the text is too large.
std::string to_text(const Value& value, Budget& budget);

// Python's repr(): as to_text, but a string is quoted too, and what is undefined is "Undefined".
std::string to_literal(const Value& value, Budget& budget);

// How tojson writes.
struct JsonStyle {
  bool ensure_ascii = false;         // other characters as \uXXXX
  int64_t indent = -1;               // spaces a level, on lines of their own; below 0: all on one line
  std::string between_items = ", ";  // "," where there is an indent and the template names none
  std::string after_key = ": ";
  bool sort_keys = false;
};

// The JSON that Python's json.dumps writes, as transformers' filter `tojson` calls it: non-ASCII characters
// as they are, "/" and "<" not escaped. Error: an undefined value, a namespace, loop or function in it.
Expected<std::string> to_json(const Value& value, const JsonStyle& style, Budget& budget);

// Reads one JSON document; objects keep their order. Errors: what is no JSON, with line and column; more than
// max_value_depth levels; an integer beyond 64 bits.
Expected<Value> from_json(std::string_view text);

// A float as Python's repr() writes it: the fewest digits that read back as the same number.
std::string real_text(double number);

}  // namespace tern::runtime::jinja
