#include "commits.h"

#include <fmt/format.h>

#include <algorithm>

namespace tern::house {
namespace {

constexpr ptrdiff_t max_characters = 72;

bool leads_out(std::string_view word) {
  while (!word.empty() && std::string_view("'\"`([").find(word.front()) != std::string_view::npos)
    word.remove_prefix(1);
  return (word.starts_with('/') && word.size() > 1) || word.starts_with("~/") || word.starts_with("../");
}

}  // namespace

std::string breach_of_subject(std::string_view subject) {
  // Characters of UTF-8: bytes that do not continue one.
  const ptrdiff_t characters =
      std::ranges::count_if(subject, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
  if (characters == 0) return "has no words";
  if (characters > max_characters)
    return fmt::format("has {} characters, and may have {}", characters, max_characters);
  for (std::string_view rest = subject; !rest.empty();) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    if (leads_out(word)) return fmt::format("names a folder that is not the project's: {}", word);
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
  }
  return {};
}

}  // namespace tern::house
