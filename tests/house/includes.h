// The rules of which folder may include what, as tables, and the check of a source tree against them.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace tern::house {

// Every breach of the rules in the sources beneath `root`, as "file:line: what and why". Sorted by file.
std::vector<std::string> find_forbidden_includes(const std::filesystem::path& root);

}  // namespace tern::house
