// What filters and methods share: cutting and joining texts, the parts of dicts.
#pragma once

#include <string>
#include <string_view>

#include "runtime/jinja/values/signature.h"

namespace tern::runtime::jinja {

// Python's str.split and str.rsplit: a list of the parts between separators (null: runs of white space), with
// at most `most` cuts if that is not negative. Precondition: the separator is not empty.
Result split_text(std::string_view text, const std::string* separator, int64_t most, bool from_right,
                  Budget& budget);
// The lines of a text, with or without their ends.
Result split_lines(std::string_view text, bool keep_ends, Budget& budget);
// The text with `old` replaced by `by`, from the left, at most `most` times if that is not negative. An empty
// `old` stands before each character and at the end.
Result replace_text(std::string_view text, std::string_view old, std::string_view by, int64_t most,
                    Budget& budget);
// The texts of the items, as {{ }} prints them, with a separator between them.
Result join_texts(const List& items, std::string_view separator, Budget& budget);
// A list of a dict's keys, of its values, or of tuples of both.
Result dict_items(const Dict& dict, bool keys, bool values, Budget& budget);

}  // namespace tern::runtime::jinja
