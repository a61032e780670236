// "Did you mean ...?"
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace tern {

// How many insertions, deletions and replacements of one character turn `a` into `b` (Levenshtein's
// distance).
int edit_distance(std::string_view a, std::string_view b);

// " (did you mean 'x'?)" with the member of `known` that is nearest to `given`, to end a message with; "" if
// nothing is near enough to be meant, which is to say that more than about a third would have to change.
std::string suggestion(std::string_view given, std::span<const std::string_view> known);

}  // namespace tern
