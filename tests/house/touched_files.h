// The lists of docs/adding.md, held against the sources.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace tern::house {

// What is untrue in a page that says which files an addition touches; sorted by nothing, empty if all is
// true.
//
// The page has one table, with a row for each kind of addition:
//   | [a packing](#a-packing) | `Packing::g2b4`; `Packing::i4`, `"i4"` | 2 | 1 |
// The second cell names examples, apart by semicolons, each by the terms that stand for it in code. The third
// is the number of files that each example touches, the fourth the number of files that only some examples
// touch. The section
// `## A packing` lists the first by numbers and the others by dashes; files are in backticks before the
// item's first colon, and NAME in a path stands for any word.
//
// Untrue is
// - a file with a number that does not hold the terms of every example, one with a dash that holds none's;
// - a source file outside tests that holds a term of an example, and has neither;
// - a number in the table that is not that of the list.
std::vector<std::string> untrue_lists(std::string_view page, const std::filesystem::path& root);

}  // namespace tern::house
