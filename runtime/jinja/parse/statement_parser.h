// Statements of a template: from tokens to a tree.
#pragma once

#include <string_view>
#include <vector>

#include "runtime/jinja/parse/lexer.h"
#include "runtime/jinja/parse/syntax.h"

namespace tern::runtime::jinja {

// Errors, with line and column: those of ExpressionParser; statements that are not supported (include,
// import, extends, block, with, raw ...), that do not end or are not open; a macro in a loop or in another
// macro; break and continue outside of loops; a call of what is neither a function nor a macro.
Expected<Block> parse_statements(std::string_view source, const std::vector<Token>& tokens);

}  // namespace tern::runtime::jinja
