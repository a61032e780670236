#include "runtime/jinja/values/unicode.h"

#include <clocale>
#include <cwctype>

#include "base/utf8.h"

namespace tern::runtime::jinja {
namespace {

// The table of characters that "C.UTF-8" has, whatever the user's locale; null where the system lacks it,
// which leaves ASCII.
locale_t unicode_locale() {
  static const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return locale;
}

wint_t other_case(wint_t character, bool upper) {
  if (character < 0x80) {
    if (upper && character >= 'a' && character <= 'z') return character - 'a' + 'A';
    if (!upper && character >= 'A' && character <= 'Z') return character - 'A' + 'a';
    return character;
  }
  const locale_t locale = unicode_locale();
  if (locale == nullptr) return character;
  return upper ? towupper_l(character, locale) : towlower_l(character, locale);
}

void append_cased(std::string& out, std::string_view character, bool upper) {
  const char32_t point = code_point(character);
  if (point == 0xfffd && character != "\xef\xbf\xbd") {
    out += character;
  } else if (upper && point == 0xdf) {
    out += "SS";
  } else {
    out += to_utf8(static_cast<char32_t>(other_case(static_cast<wint_t>(point), upper)));
  }
}

bool is_cased(char32_t point) {
  const auto character = static_cast<wint_t>(point);
  return other_case(character, true) != character || other_case(character, false) != character;
}

bool is_in(std::string_view character, const std::string* set) {
  if (set == nullptr) return is_space(code_point(character));
  for (size_t at = 0; at < set->size();) {
    const std::string_view member = character_at(*set, at);
    if (member == character) return true;
    at += member.size();
  }
  return false;
}

}  // namespace

std::string_view character_at(std::string_view text, size_t at) {
  const std::string_view rest = text.substr(at);
  if (static_cast<unsigned char>(rest[0]) < 0x80) return rest.substr(0, 1);
  const Utf8Step step = utf8_step(rest);
  return rest.substr(0, step.kind == Utf8Kind::character ? step.length : 1);
}

char32_t code_point(std::string_view character) {
  const auto byte = [&](size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(character[i])); };
  switch (character.size()) {
    case 1: return byte(0) < 0x80 ? byte(0) : 0xfffd;
    case 2: return ((byte(0) & 0x1f) << 6) | (byte(1) & 0x3f);
    case 3: return ((byte(0) & 0x0f) << 12) | ((byte(1) & 0x3f) << 6) | (byte(2) & 0x3f);
    default:
      return ((byte(0) & 0x07) << 18) | ((byte(1) & 0x3f) << 12) | ((byte(2) & 0x3f) << 6) | (byte(3) & 0x3f);
  }
}

std::string to_utf8(char32_t point) {
  const auto part = [&](int shift) { return static_cast<char>(0x80 | ((point >> shift) & 0x3f)); };
  if (point < 0x80) return {static_cast<char>(point)};
  if (point < 0x800) return {static_cast<char>(0xc0 | (point >> 6)), part(0)};
  if (point < 0x10000) return {static_cast<char>(0xe0 | (point >> 12)), part(6), part(0)};
  return {static_cast<char>(0xf0 | (point >> 18)), part(12), part(6), part(0)};
}

std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> all;
  for (size_t at = 0; at < text.size(); at += all.back().size()) all.push_back(character_at(text, at));
  return all;
}

size_t count_characters(std::string_view text) {
  size_t count = 0;
  for (size_t at = 0; at < text.size(); ++count) at += character_at(text, at).size();
  return count;
}

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
         c == 0x3000;
}

std::string_view strip_left(std::string_view text, const std::string* set) {
  while (!text.empty()) {
    const std::string_view first = character_at(text, 0);
    if (!is_in(first, set)) break;
    text.remove_prefix(first.size());
  }
  return text;
}

std::string_view strip_right(std::string_view text, const std::string* set) {
  while (!text.empty()) {
    // The last character begins at the last byte that continues none, at most three before the end.
    size_t begin = text.size() - 1;
    while (begin > 0 && text.size() - begin < 4 && (static_cast<unsigned char>(text[begin]) & 0xc0) == 0x80)
      --begin;
    if (character_at(text, begin).size() != text.size() - begin) begin = text.size() - 1;
    if (!is_in(text.substr(begin), set)) break;
    text = text.substr(0, begin);
  }
  return text;
}

std::string to_upper(std::string_view text) {
  std::string out;
  for (const std::string_view character : characters(text)) append_cased(out, character, true);
  return out;
}

std::string to_lower(std::string_view text) {
  std::string out;
  for (const std::string_view character : characters(text)) append_cased(out, character, false);
  return out;
}

std::string to_title(std::string_view text) {
  std::string out;
  bool in_word = false;
  for (const std::string_view character : characters(text)) {
    append_cased(out, character, !in_word);
    in_word = is_cased(code_point(character));
  }
  return out;
}

std::string to_capitalized(std::string_view text) {
  std::string out;
  for (const std::string_view character : characters(text)) append_cased(out, character, out.empty());
  return out;
}

}  // namespace tern::runtime::jinja
