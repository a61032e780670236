// The tables of docs/ir.md, made from the tables, enumerations and comments of the code.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace tern::house {

// The Markdown of a table by its name; empty if there is none of that name. `root` is that of the sources.
std::string reference_table(std::string_view name, const std::filesystem::path& root);

// A page with its tables made anew. A table stands between two lines:
//   <!-- table: NAME -->
//   <!-- end of table -->
// What `table(NAME)` gives takes the place of what is between them. Everything else stays.
std::string with_tables(std::string_view page,
                        const std::function<std::string(std::string_view name)>& table);

}  // namespace tern::house
