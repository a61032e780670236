// What a string literal of a template stands for.
#pragma once

#include <string>
#include <string_view>

#include "base/expected.h"

namespace tern::runtime::jinja {

// Replaces the escapes of Python's string literals, which Jinja2's are: \n \t \r \a \b \f \v \\ \' \", \xNN,
// \uNNNN, \UNNNNNNNN, octal digits, and a backslash before a line end, which joins the lines. Other
// backslashes stay. Errors: a hexadecimal escape without its digits or beyond Unicode, \N{...}.
Expected<std::string> unescaped(std::string_view literal);

}  // namespace tern::runtime::jinja
