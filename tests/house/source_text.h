// Source files as texts: what tests of the documents look up in them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tern::house {

// The contents of a file; empty if it cannot be read.
std::string read_text(const std::filesystem::path& file);

// C++ without its // comments. (A // inside a string is taken for one too.)
std::string without_comments(std::string_view code);

// Whether a text holds a term as a whole word: where the term begins or ends with a letter, a digit or _, no
// such character stands beside it. A term "Enumeration::name" is held, too, by a text that defines
// `enum class Enumeration` with that name.
bool holds_term(std::string_view text, std::string_view term);

// One name of an enumeration, or one field of a struct, with the comment beside it.
struct Commented {
  std::string name;
  std::string comment;  // in one line; empty if there is none
  std::string initial;  // of a field: what it is without being set
};

// The names of `enum class NAME` in a header, in their order. The comment is what stands after the name, and
// on the lines of comment alone that follow it. Nothing if the header has no such enumeration.
std::vector<Commented> enumerators(std::string_view header, std::string_view name);

// The fields of `struct NAME` that have an initial value, in their order. The comment is what stands after
// the field, or else the lines of comment just before it.
std::vector<Commented> fields(std::string_view header, std::string_view name);

// The lines of comment just before the line that begins with `declaration`, as one line.
std::string comment_before(std::string_view header, std::string_view declaration);

}  // namespace tern::house
