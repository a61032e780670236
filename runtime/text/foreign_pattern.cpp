#include "runtime/text/foreign_pattern.h"

#include <fmt/format.h>

#include <array>

namespace tern::runtime {
namespace {

constexpr std::string_view white =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

constexpr size_t longest_pattern = 4096;  // bytes; GPT-4o's has 310
constexpr std::string_view letters_that_may_be_escaped = "pPsSdDrntx";
constexpr std::array<std::string_view, 8> groups = {
    "(?:", "(?i:", "(?>", "(?=", "(?!", "(?<=", "(?<!", "(?-i:"};

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool begins_known_group(std::string_view rest) {
  if (!rest.starts_with("(?") && !rest.starts_with("(*")) return true;
  for (const std::string_view group : groups) {
    if (rest.starts_with(group)) return true;
  }
  return false;
}

// Walks a pattern, telling escapes and the insides of classes from the rest: visit(what stands there, 1 or 2
// bytes, and whether it is inside a class, and the rest from there on) returns false to stop.
template <class Visit>
void walk(std::string_view pattern, const Visit& visit) {
  bool in_class = false;
  size_t class_begin = 0;
  for (size_t at = 0; at < pattern.size();) {
    const size_t length = pattern[at] == '\\' && at + 1 < pattern.size() ? 2 : 1;
    const std::string_view item = pattern.substr(at, length);
    if (!visit(item, in_class, pattern.substr(at))) return;
    if (!in_class && item == "[") {
      in_class = true;
      class_begin = at + 1;
      if (pattern.substr(class_begin).starts_with('^')) ++class_begin;
    } else if (in_class && item == "]" && at > class_begin) {
      in_class = false;
    }
    at += length;
  }
}

}  // namespace

Status check_foreign_pattern(std::string_view pattern) {
  if (pattern.size() > longest_pattern) {
    return Error{
        fmt::format("a pattern of {} bytes is too long; {} are allowed", pattern.size(), longest_pattern)};
  }
  std::string_view fault;
  walk(pattern, [&](std::string_view item, bool in_class, std::string_view rest) {
    if (item.size() == 2) {
      const bool is_known =
          !is_letter_or_digit(item[1]) || letters_that_may_be_escaped.find(item[1]) != std::string_view::npos;
      if (!is_known) fault = item;
    } else if (in_class) {
      if (item == "[") fault = "a class inside a class";
      if (rest.starts_with("&&")) fault = "&&";
    } else if (item == "^" || item == "$") {
      fault = item;
    } else if (!begins_known_group(rest)) {
      fault = rest.substr(0, 3);
    }
    return fault.empty();
  });
  if (fault.empty()) return {};
  return Error{
      fmt::format("the pattern '{}' has {}, which regular expressions disagree about", pattern, fault)};
}

std::string with_unicode_white_space(std::string_view pattern) {
  std::string result;
  walk(pattern, [&](std::string_view item, bool in_class, std::string_view) {
    if (item == R"(\s)") {
      result += in_class ? std::string(white) : fmt::format("[{}]", white);
    } else if (item == R"(\S)" && !in_class) {
      result += fmt::format("[^{}]", white);
    } else {
      result += item;
    }
    return true;
  });
  return result;
}

}  // namespace tern::runtime
