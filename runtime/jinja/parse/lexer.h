// A template as tokens: text that is printed as it is, and the parts of what stands in {{ }} and {% %}.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.h"

namespace tern::runtime::jinja {

enum class TokenKind {
  text,              // outside of tags; white space is already taken away
  expression_begin,  // {{
  expression_end,    // }}
  statement_begin,   // {%
  statement_end,     // %}
  name,
  string,   // `text` is what the literal stands for
  integer,  // `integer`
  real,     // `real`
  symbol,   // an operator or a bracket, in `text`
  end       // of the template
};

struct Token {
  TokenKind kind;
  std::string text;
  int64_t integer = 0;
  double real = 0;
  size_t offset = 0;  // byte of the source where it begins
  size_t end = 0;     // the byte after it
};

// Line and column of a byte of the template, counted from 1, the column in bytes.
Location location_of(std::string_view source, size_t offset);

// Line ends as "\n", and one at the end of the template dropped, as Jinja2 does before it reads one.
std::string normalized_source(std::string_view source);

// Cuts a normalized source into tokens, the last of kind `end`. White space around tags is dropped as Jinja2
// does with trim_blocks and lstrip_blocks, which transformers sets: the line end after a statement or
// comment, and what precedes one on its line if that is white space; all white space on the side of a "-";
// none on the side of a "+". What stands between {% raw %} and {% endraw %} is text. Errors: a tag, comment,
// string or raw block that does not end, a character or an escape that means nothing, a number out of range.
Expected<std::vector<Token>> tokenize(std::string_view source);

}  // namespace tern::runtime::jinja
