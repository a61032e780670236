#include "runtime/jinja/parse/string_literal.h"

#include <fmt/format.h>

#include <charconv>

#include "runtime/jinja/values/unicode.h"

namespace tern::runtime::jinja {
namespace {

// The character that a letter after a backslash stands for; 0 for other letters.
char simple_escape(char letter) {
  switch (letter) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    case 'a': return '\a';
    case 'b': return '\b';
    case 'f': return '\f';
    case 'v': return '\v';
    case '\\':
    case '\'':
    case '"': return letter;
    default: return 0;
  }
}

size_t hexadecimal_digits(char letter) {
  return letter == 'x' ? 2 : letter == 'u' ? 4 : letter == 'U' ? 8 : 0;
}

}  // namespace

Expected<std::string> unescaped(std::string_view literal) {
  std::string text;
  for (size_t i = 0; i < literal.size(); ++i) {
    if (literal[i] != '\\' || i + 1 == literal.size()) {
      text += literal[i];
      continue;
    }
    const char letter = literal[++i];
    if (const char simple = simple_escape(letter)) {
      text += simple;
    } else if (const size_t digits = hexadecimal_digits(letter)) {
      uint32_t point = 0;
      const std::string_view number = literal.substr(i + 1, digits);
      const auto [stop, error] = std::from_chars(number.data(), number.data() + number.size(), point, 16);
      const bool is_character = point < 0x110000 && (point < 0xd800 || point > 0xdfff);
      if (number.size() != digits || error != std::errc() || stop != number.data() + digits || !is_character)
        return Error{fmt::format("the escape \\{}{} is no character", letter, number), {}};
      text += to_utf8(point);
      i += digits;
    } else if (letter >= '0' && letter <= '7') {
      uint32_t point = 0;
      size_t end = i;
      for (; end < literal.size() && end < i + 3 && literal[end] >= '0' && literal[end] <= '7'; ++end)
        point = point * 8 + static_cast<uint32_t>(literal[end] - '0');
      text += to_utf8(point);
      i = end - 1;
    } else if (letter == 'N') {
      return Error{"\\N{...} is not supported in strings", {}};
    } else if (letter != '\n') {
      text += '\\';
      text += letter;
    }
  }
  return text;
}

}  // namespace tern::runtime::jinja
