// Text by characters, as Python counts them: strings of templates are UTF-8, and a byte that is part of no
// character counts as one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tern::runtime::jinja {

// The character that begins at byte `at`, which is below text.size().
std::string_view character_at(std::string_view text, size_t at);
// The code point of one character; U+FFFD for a byte that is part of none.
char32_t code_point(std::string_view character);
std::string to_utf8(char32_t code_point);

// The characters of a text, one view each.
std::vector<std::string_view> characters(std::string_view text);
size_t count_characters(std::string_view text);

// White space, as Python's str.isspace() has it.
bool is_space(char32_t character);

// The text without the characters of `set` (null: white space) at its beginning, its end.
std::string_view strip_left(std::string_view text, const std::string* set);
std::string_view strip_right(std::string_view text, const std::string* set);

// One character in the other case, by the C library's table for Unicode; "SS" for the upper case of U+00DF.
// The other characters whose case has several characters, and Greek's final sigma, are not handled as Python
// does.
std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);
// The first letter of each word in upper case, all others in lower case: Python's str.title().
std::string to_title(std::string_view text);
// The first character in upper case, all others in lower case.
std::string to_capitalized(std::string_view text);

}  // namespace tern::runtime::jinja
