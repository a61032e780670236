// What commands read besides models.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.h"

namespace tern::tools {

// A whole file of at most 64 MiB; "-" is standard input.
Expected<std::string> read_text(const std::string& file);

// The text with \n, \t, \r, \", \' and \\ replaced by the characters that they stand for. A backslash before
// anything else stays.
std::string unescaped(std::string_view text);

// Whether standard input is a file, a pipe or a socket: somebody gives a text there. It is not where it is a
// terminal, closed, or a device such as /dev/null.
bool is_piped_in();

// Ids separated by commas or white space, from a file. Errors name the place of what is no id.
Expected<std::vector<uint32_t>> read_ids(const std::string& file);
Expected<std::vector<uint32_t>> parse_ids(std::string_view text, const std::string& file);

}  // namespace tern::tools
